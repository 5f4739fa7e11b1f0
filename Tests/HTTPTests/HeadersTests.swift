import HTTP
import Testing

struct HeadersTests {
  @Test func `names compare without case and keep their order`() {
    var headers: HTTPHeaders = ["Link": "a", "link": "b", "Accept": "c"]
    #expect(headers.first("LINK") == "a")
    #expect(headers.all("lInk") == ["a", "b"])
    headers.set("link", "d")
    #expect(headers.fields.map(\.name) == ["Accept", "link"])
    headers.remove("ACCEPT")
    #expect(headers.first("accept") == nil)
  }
}
