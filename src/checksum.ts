/** The names of the checksums that can be checked, and a checksum somebody announced. */

export type ChecksumAlgorithm = 'crc64ecma' | 'crc64nvme' | 'crc32c' | 'crc32' | 'md5' | 'sha256' | 'sha1';

export const CHECKSUM_ALGORITHMS: readonly ChecksumAlgorithm[] = [
  'crc64ecma',
  'crc64nvme',
  'crc32c',
  'crc32',
  'md5',
  'sha256',
  'sha1',
];

/** A checksum of the whole object: `value` is in hex, base64, or (crc64ecma) OBS's unsigned decimal. */
export interface AnnouncedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}
