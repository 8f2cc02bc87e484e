/** What threads that store files are told, and what they reply: plain data, cloned or handed over. */
import type { FileState } from "../files/source/reader.ts"
import type { Block } from "../../stages/run/block.ts"
import type { Metadata } from "../../stages/walk/entry.ts"
import type { LocalLocator } from "../files/source/content.ts"
import type { FilesMessage, StoredMessage } from "./files_message.ts"
import type { KernelMessage } from "./kernel_messages.ts"

/** Sent to a thread. */
export type StoringRequest =
  | {
    readonly type: "job"
    readonly job: number
    readonly plan: ReadonlyArray<KernelMessage>
    readonly blockBytes: number
    readonly index: SharedArrayBuffer | ArrayBuffer
  }
  /** Store these files. Replies carry the number of the task. */
  | { readonly type: "unit"; readonly task: number; readonly job: number; readonly files: FilesMessage }
  /** Store about this many bytes of a file from an offset on. */
  | {
    readonly type: "part"
    readonly task: number
    readonly job: number
    readonly locator: LocalLocator
    readonly from: number
    readonly bytes: number
  }
  /** The blocks of a message were taken, so there may be another. */
  | { readonly type: "taken" }
  | { readonly type: "end"; readonly job: number }

/** The reply of a thread about a task. */
export type StoringReply =
  /**
   * Blocks, and how many bytes were read since the last message. `at` is the file of the unit that they were read from.
   * The main thread answers with `taken`.
   */
  | { readonly type: "blocks"; readonly blocks: ReadonlyArray<Block>; readonly read: number; readonly at: number }
  /** A unit is done. */
  | {
    readonly type: "stored"
    readonly blocks: ReadonlyArray<Block>
    readonly read: number
    readonly files: StoredMessage
  }
  /** A part has this many bytes; when it is `final`, the file ends there. It is still to be stored. */
  | { readonly type: "cut"; readonly length: number; readonly final: boolean; readonly state: FileState }
  /** A part is done. `metadata` and `state` are those of the file now. */
  | {
    readonly type: "part"
    readonly blocks: ReadonlyArray<Block>
    readonly read: number
    readonly chunks: Uint8Array
    readonly metadata: Metadata
    /** Whether the file changed, or goes on behind the part. */
    readonly changed: boolean
    readonly state: FileState
  }
  /** The file of a part cannot be read. */
  | { readonly type: "unreadable"; readonly blocks: ReadonlyArray<Block>; readonly problem: string }
