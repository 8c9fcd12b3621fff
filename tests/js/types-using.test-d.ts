// The keyword `using`, which TypeScript has from 5.2 on.
import { Corom } from "corom";
import { Corom as InWorker } from "corom/worker";

export async function page(): Promise<void> {
  using corom = await Corom.load("./model/");
  using worker = await InWorker.load("./model/");
  await corom.embed("阔腿裤");
  await worker.unload();
}
