/** The state of an open repository. */
import type { OpenedWith } from "../opened.ts"
import type { Layout } from "./layout.ts"

/** What every operation needs. */
export type Opened = OpenedWith<Layout>
