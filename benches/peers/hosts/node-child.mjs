// The process of one agent: runs the calls that it is sent, one at a time.
import * as agent from "../agent/agent.mjs";

process.on("message", async ({ method, list }) => {
  try {
    process.send({ value: await agent[method](...list) });
  } catch (error) {
    process.send({ error: error?.stack ?? String(error) });
  }
});
process.on("disconnect", () => process.exit());
