// Installs the Pulumi CLI with the Automation API's own installer, in a process of its own so that it can be stopped.
// Arguments: the API's module, the folder to install to, seconds to wait for the first answer.
const [automation = "", root = "", answerSeconds = ""] = process.argv.slice(2);

async function main() {
  // The installer waits minutes for its first file; a network that drops packets is found out here.
  const download = globalThis.fetch;
  globalThis.fetch = (address, options) =>
    download(address, { ...options, signal: AbortSignal.timeout(Number(answerSeconds) * 1000) });
  const { PulumiCommand } = require(automation);
  await PulumiCommand.install({ root });
}

main().catch((error) => {
  console.error(error.message.split("\n")[0]);
  process.exit(1);
});
