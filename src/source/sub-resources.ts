/**
 * The query names that the signatures obs and v2 cover. Compared in lower case, as the official SDKs do. Refuses
 * nothing: a name that is not here still goes on the wire, unsigned.
 */

const SUB_RESOURCES = new Set(
  `acl append attname backtosource bucketstatus cdnnotifyconfiguration cors customdomain delete deletebucket
  directcoldaccess encryption ignore-sign-in-query inventory length lifecycle location logging metadata
  mirrorbacktosource modify name notification object-lock obsalias obsbucketalias obscompresspolicy
  obsworkflowtriggerpolicy orchestration partnumber policy policystatus position publicaccessblock quota rename
  replication requestpayment response-cache-control response-content-disposition response-content-encoding
  response-content-language response-content-type response-expires restore retention select storageclass storageinfo
  storagepolicy symlink tagging torrent truncate uploadid uploads versionid versioning versions website
  x-image-process x-image-save-bucket x-image-save-object x-obs-security-token x-oss-process
  x-workflow-execution-state x-workflow-execution-type x-workflow-graph-name x-workflow-limit x-workflow-next-marker
  x-workflow-prefix x-workflow-start x-workflow-template-name`.split(/\s+/),
);

/** Tells whether a query name is signed; names with the dialect's own prefix (`x-obs-traffic-limit`) always are. */
export function isSubResource(name: string, prefix: string): boolean {
  const lower = name.toLowerCase();
  return SUB_RESOURCES.has(lower) || lower.startsWith(prefix);
}
