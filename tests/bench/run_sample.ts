import type { Run } from "../../bench/machine.ts"

/** The part that all results have, for tests. */
export const run: Run = {
  name: "test",
  date: "2026-01-02T03:04:05.000Z",
  machine: { description: "a machine", cores: 1, memory: 1, cpu: "c", kernel: "k", fileSystem: "tmpfs" },
  commit: "abc",
  command: "none",
  note: "",
}
