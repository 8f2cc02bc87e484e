/** What threads that store files are told, and answer: plain data, cloned or handed over. */
import type { FileState } from "../files/source/reader.ts"
import type { Block } from "../../stages/run/block.ts"
import type { Metadata } from "../../stages/walk/entry.ts"
import type { LocalLocator } from "../files/source/content.ts"
import type { FilesMessage, StoredMessage } from "./files_message.ts"
import type { KernelMessage } from "./kernel_messages.ts"

/** To a thread. */
export type StoringRequest =
  | {
    readonly type: "job"
    readonly job: number
    readonly plan: ReadonlyArray<KernelMessage>
    readonly blockBytes: number
    readonly index: SharedArrayBuffer | ArrayBuffer
  }
  /** Store these files. Answers carry the number of the task. */
  | { readonly type: "unit"; readonly task: number; readonly job: number; readonly files: FilesMessage }
  /** Store about so many bytes of a file from an offset on. */
  | {
    readonly type: "part"
    readonly task: number
    readonly job: number
    readonly locator: LocalLocator
    readonly from: number
    readonly bytes: number
  }
  /** The blocks of a message were taken: there may be another. */
  | { readonly type: "taken" }
  | { readonly type: "end"; readonly job: number }

/** About a task, from the thread that has it. */
export type StoringReply =
  /**
   * Blocks, and how many bytes were read since the last message, of the file `at` of the unit. To be answered with
   * `taken`.
   */
  | { readonly type: "blocks"; readonly blocks: ReadonlyArray<Block>; readonly read: number; readonly at: number }
  /** The end of a unit. */
  | {
    readonly type: "stored"
    readonly blocks: ReadonlyArray<Block>
    readonly read: number
    readonly files: StoredMessage
  }
  /** A part ends so many bytes after its start, and the file too when it is `final`. The part is still to be stored. */
  | { readonly type: "cut"; readonly length: number; readonly final: boolean; readonly state: FileState }
  /** The end of a part. `metadata` and `state` are as they were then. */
  | {
    readonly type: "part"
    readonly blocks: ReadonlyArray<Block>
    readonly read: number
    readonly chunks: Uint8Array
    readonly metadata: Metadata
    /** Whether the file changed, or goes on behind what was read. */
    readonly changed: boolean
    readonly state: FileState
  }
  /** The file of a part cannot be read. */
  | { readonly type: "unreadable"; readonly blocks: ReadonlyArray<Block>; readonly problem: string }
