// Resumable download in the way of the OBS developer guide for its Node.js SDK. Coming from there only the package that is
// required changes: it was require('esdk-obs-nodejs'). End the process however you like; the same command again goes on where it was.
//
//   ACCESS_KEY_ID=... SECRET_ACCESS_KEY=... \
//     node recipes/obs-resumable-download.cjs https://obs.cn-north-4.myhuaweicloud.com bucketname objectname localfile

const ObsClient = require('partstream/obs-client');

const [endpoint, bucketname, objectname, localfile] = process.argv.slice(2);

const obsClient = new ObsClient({
  access_key_id: process.env.ACCESS_KEY_ID,
  secret_access_key: process.env.SECRET_ACCESS_KEY,
  server: endpoint,
});

obsClient.downloadFile(
  {
    Bucket: bucketname,
    Key: objectname,
    DownloadFile: localfile,
    // Parts of 10 MB, five of them at a time.
    PartSize: 10 * 1024 * 1024,
    TaskNum: 5,
    // Record the progress, so that a failed download can be resumed.
    EnableCheckpoint: true,
  },
  (err, result) => {
    if (err) {
      // Call downloadFile again with the same parameters to download what is missing.
      console.error(`Error-->${err}`);
      process.exitCode = 1;
      return;
    }
    console.log(`RequestId-->${result.InterfaceResult.RequestId}`);
    console.log(`LastModified-->${result.InterfaceResult.LastModified}`);
    console.log(`Metadata-->${JSON.stringify(result.InterfaceResult.Metadata)}`);
  },
);
