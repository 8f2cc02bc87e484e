/** Hostile listings in XML and HTML, and manifests. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { serve } from "./scripted.ts"
import { collection, content, failure, multistatus, openAt, openDav, withServer } from "./store_at.ts"

test("hostile listings in XML are refused, and addresses elsewhere are not listed", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const dav = yield* openDav(server)
      const entities = `<!DOCTYPE x [<!ENTITY a "${"x".repeat(100)}"><!ENTITY b "${"&a;".repeat(100)}">]>`
      const refused = [
        "",
        "not XML",
        "<html></html>",
        multistatus(collection("/repo/")).slice(0, -10),
        `${entities}${multistatus("&b;")}`,
        multistatus("<d:response><d:href>&unknown;</d:href></d:response>"),
        multistatus("<x:response xmlns:y='DAV:'/>"),
        multistatus(collection("/elsewhere/")),
        multistatus(collection("/repository/")),
        multistatus(collection("http://elsewhere.example/repo/")),
        multistatus(collection("/repo/..%2f..%2fetc/")),
        multistatus(collection("/repo/%ff/")),
        multistatus(collection("/repo/a/b/c/")),
        "<a>".repeat(100_000),
        multistatus("<d:response>".repeat(100)),
      ]
      for (const xml of refused) {
        server.answer((_, response) => response.writeHead(207).end(xml))
        const error = yield* failure(Stream.runCollect(dav.list("")))
        assert.equal(error.reason, "io", xml.slice(0, 200))
        assert.match(error.message, /listing cannot be read/)
      }
      const file = (href: string): string =>
        collection(href).replace(/<d:resourcetype>.*<\/d:resourcetype>/, "<d:getcontentlength>5</d:getcontentlength>")
      server.answer((_, response) =>
        response.writeHead(207).end(multistatus(
          collection(`${server.url}/repo/`) + file("/repo/a") + file("/repo/%62") + file("/repo/tmp") +
            file("/repo/not%20one") + file("/repo/&#x63;") + file("/repo/x&amp;y") +
            "<other xmlns='urn:x'><response/></other><!-- <d:response/> -->",
        ))
      )
      const names = (yield* Stream.runCollect(dav.list(""))).map(({ name }) => name)
      assert.deepEqual(names, ["a", "b", "c"])
    })
  ))

test("hostile pages: only links to objects directly in the directory are followed", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const links = [
        ...["../", "../../etc/passwd", "/", "/repo", "/repo/", "./", "?C=N;O=D", "#top", "javascript:alert(1)"],
        ...[
          "http://elsewhere.example/repo/a",
          "//elsewhere.example/repo/b",
          "mailto:x@y",
          "data:text/plain,x",
          "http://[",
        ],
        ...[
          "d/e",
          "..%2fx",
          "%2e%2e/x",
          "a%00b",
          "%ff",
          "x y",
          "x?download",
          "tmp/",
          "OBJECTS.txt",
          `${"n".repeat(600)}`,
        ],
        ...["good", "%67ood2", "/repo/good3", `${server.url}/repo/good4`, "loop/", "gone"],
      ]
      const page = `<html><!-- <a href="hidden">x</a> -->${
        links.map((link, i) => i % 2 ? `<A class=x HREF='${link}'>x</A>` : `<a href="${link}">x</a>`).join("\n")
      }</html>\n`
      server.answer((request, response) => {
        if (request.path === "/repo/OBJECTS.txt" || request.path.endsWith("gone")) response.writeHead(404).end()
        else if (!request.path.startsWith("/repo/")) assert.fail(`${request.path} was asked for`)
        else if (request.path === "/repo/" || request.path === "/repo/loop/") {
          response.end(request.path === "/repo/" ? page : `<html><a href="../">up</a><a href="./">x</a></html>`)
        } else serve(content, request, response)
      })
      const found = yield* Stream.runCollect(store.list(""))
      assert.deepEqual(found.map(({ name }) => name).sort(), ["good", "good2", "good3", "good4"])
      assert.equal(found[0]!.size, content.length)

      server.answer((request, response) =>
        request.path.endsWith("OBJECTS.txt") ? response.writeHead(404).end() : response.end(page.slice(0, -10))
      )
      assert.equal((yield* failure(Stream.runCollect(store.list("")))).reason, "unavailable")

      const many = Array.from({ length: 2000 }, (_, i) => `<a href="o${i}">o</a>`).join("")
      server.answer((request, response) => {
        if (request.path.endsWith("OBJECTS.txt")) response.writeHead(404).end()
        else if (request.path === "/repo/") response.end(`<html>${many}${" ".repeat(11 << 20)}</html>`)
        else serve(content, request, response)
      })
      assert.equal(yield* Stream.runCount(store.list("")), 2000)

      const piece = new Uint8Array(1 << 20).fill(32)
      server.answer((request, response) => {
        if (request.path.endsWith("OBJECTS.txt")) return void response.writeHead(404).end()
        const more = (): void => {
          if (!response.destroyed) response.write(piece, more)
        }
        more()
      })
      assert.match((yield* failure(Stream.runCollect(store.list("")))).message, /longer than/)
    })
  ))

test("the error for a server without listings and without a manifest says what is needed", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const list = Effect.suspend(() => failure(Stream.runCollect(store.list(""))))
      server.answer((_, response) => response.writeHead(403).end())
      assert.match((yield* list).message, /neither has OBJECTS\.txt nor lists directories/)
      server.answer((request, response) =>
        request.path.endsWith("OBJECTS.txt") ? response.writeHead(404).end() : response.end(`[{"name":"x"}]`)
      )
      assert.match((yield* list).message, /not a page in HTML; make OBJECTS\.txt/)
    })
  ))

test("a manifest is the listing, and an invalid one is refused", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const list = (text: string, directory = "") =>
        Effect.suspend(() => {
          server.answer((request, response) =>
            request.path === "/repo/OBJECTS.txt" ? response.end(text) : response.writeHead(500).end()
          )
          return Stream.runCollect(store.list(directory))
        })
      const good = "# made by find\r\n12 ./a/b\n0 c\n\n  7 a/d  \n99 OBJECTS.txt\n5 tmp/x\n"
      assert.deepEqual(yield* list(good), [
        { name: "a/b", size: 12 },
        { name: "c", size: 0 },
        { name: "a/d", size: 7 },
      ])
      assert.deepEqual((yield* list(good, "a/")).map(({ name }) => name), ["a/b", "a/d"])
      for (const wrong of ["a/b 12", "x", "-1 a", "1 ../a", "1 /etc/passwd", "1 a\n1 a", "1 a b", "<html></html>"]) {
        assert.match((yield* failure(list(wrong))).message, /OBJECTS\.txt: line \d/)
      }
    })
  ))
