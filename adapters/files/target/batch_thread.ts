/** The thread that writes batches of files. */
import { type MessagePort, parentPort } from "node:worker_threads"
import { type Batch, type BatchStart, writeBatch } from "./batch.ts"

const port: MessagePort = parentPort!
let start: BatchStart | undefined
// This must come first: Deno drops messages that arrive before there is a listener.
port.on("message", (message: BatchStart | Batch) => {
  if ("shared" in message) start = message
  else port.postMessage(writeBatch(message, start!))
})
port.postMessage("ready")
