import Testing

@testable import Registry

struct AnswerParsingTests {
  @Test(
    arguments: [
      ("bytes 0-9/10", 0, 9, 10), ("bytes 10-99/*", 10, 99, nil), ("bytes 5-5/6", 5, 5, 6),
    ] as [(String, Int64, Int64, Int64?)])
  func `a content range is read`(text: String, first: Int64, last: Int64, total: Int64?) throws {
    let range = try #require(ContentRange(text))
    #expect((range.first, range.last) == (first, last))
    #expect(range.total == total)
  }

  @Test(arguments: [
    "", "bytes", "bytes 0-9", "bytes 9-0/10", "bytes 0-10/10", "bytes -1-2/3", "bytes +0-1/2", "bytes */10",
    "items 0-1/2", "bytes 0-1/2/3", "bytes 0-99999999999999999999/*",
  ])
  func `what is no content range is none`(text: String) { #expect(ContentRange(text) == nil) }

  @Test(
    arguments: [
      (["</v2/a/tags/list?last=b&n=2>; rel=\"next\""], "/v2/a/tags/list?last=b&n=2"),
      (["<x>; rel=prev, <y>; foo=1; rel=next"], "y"), (["<x>; rel=\"prev\"", "<z>; REL=\"Next\""], "z"),
      (["<x>"], nil), (["x; rel=next"], nil), ([], nil), (["<unfinished; rel=next"], nil),
    ] as [([String], String?)])
  func `the next page is found`(headers: [String], target: String?) { #expect(nextLink(headers) == target) }

  @Test(
    arguments: [
      ("0", 0), ("30", 30), (" 7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", .max),
      ("99999999999999999999999", .max), ("-1", .max), ("", nil),
    ] as [(String, Int64?)])
  func `a pause the registry asks for is read`(text: String, seconds: Int64?) {
    #expect(retryAfterSeconds(text) == seconds)
  }

  @Test(arguments: [
    (#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X","message":"","detail":"d"}]}"#, "DENIED: no; X (d)"),
    (#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
    (#"{"errors":[{"code":"A","message":"\u001b[31mred"}]}"#, "A: \\x1b[31mred"), ("<html>", ""), ("", ""),
    (#"{"errors":"x"}"#, ""), (#"{"error":"invalid_grant","error_description":"expired"}"#, "expired"),
  ])
  func `a registry's complaint is shown safely`(body: String, text: String) {
    #expect(RegistryComplaint(body: Array(body.utf8)).text == text)
  }

  @Test func `a complaint is not longer than a few lines`() {
    let body = #"{"errors":[{"code":"A","message":"\#(String(repeating: "x", count: 100_000))"}]}"#
    #expect(RegistryComplaint(body: Array(body.utf8)).text.utf8.count == RegistryComplaint.textBytes)
  }

  @Test func `pauses double, stay within their bound and are spread`() {
    let policy = RetryPolicy(attempts: 5, firstPause: 200, longestPause: 1000)
    #expect((1...6).map { policy.pause(after: $0, random: 1) } == [200, 400, 800, 1000, 1000, 1000])
    #expect((1...3).map { policy.pause(after: $0, random: 0) } == [100, 200, 400])
    #expect(policy.pause(after: 1_000_000, random: 1) == 1000)
  }
}

/// Docker Hub's search, as its index answers it.
struct SearchTests {
  @Test func `an index that searches is asked, with the word and how many`() throws {
    let answer = #"""
      {"num_pages": 1, "results": [
        {"name": "nginx", "description": "Official build of Nginx.", "star_count": 20000, "is_official": true,
         "is_automated": false},
        {"name": "some/nginx", "description": "\u001b[31mred", "star_count": 3}, {"description": "nameless"}, 7]}
      """#
    let server = try ScriptedServer { request, _ in
      request.path == "/v1/search" ? .text(200, answer) : .text(404, "")
    }
    let found = try client(server).search("ngi nx", limit: 2)
    #expect(server.requests.map(\.target) == ["/v1/search?q=ngi%20nx&n=2"])
    #expect(found.map(\.name) == ["nginx", "some/nginx"])
    #expect(found.first?.stars == 20000 && found.first?.isOfficial == true && found.last?.isOfficial == false)
  }

  @Test func `who searches too often is told so, and the catalog is not asked`() throws {
    let server = try ScriptedServer { _, _ in .text(429, #"{"message": "too many"}"#, [("Retry-After", "9999")]) }
    let error = #expect(throws: RegistryError.self) { try client(server).search("x", limit: 5) }
    #expect(error?.kind == .rateLimited && server.requests.allSatisfy { $0.path == "/v1/search" })
  }
}
