import Testing

@testable import Registry

struct AuthChallengeTests {
  @Test(arguments: [
    (["Basic realm=\"r\""], [AuthChallenge(scheme: "basic", parameters: ["realm": "r"])]),
    (
      ["Bearer realm=\"https://a/t?x=1\",service=\"s, t\",scope=\"repository:a/b:pull,push\""],
      [
        AuthChallenge(
          scheme: "bearer",
          parameters: ["realm": "https://a/t?x=1", "service": "s, t", "scope": "repository:a/b:pull,push"])
      ]
    ),
    (
      ["Negotiate, bearer Realm = \"a\\\"b\" , basic realm=x"],
      [
        AuthChallenge(scheme: "negotiate", parameters: [:]),
        AuthChallenge(scheme: "bearer", parameters: ["realm": "a\"b"]),
        AuthChallenge(scheme: "basic", parameters: ["realm": "x"]),
      ]
    ),
    (
      ["Basic realm=a", "Bearer realm=https://b/c"],
      [
        AuthChallenge(scheme: "basic", parameters: ["realm": "a"]),
        AuthChallenge(scheme: "bearer", parameters: ["realm": "https://b/c"]),
      ]
    ),
    (["Bearer realm=\"cut"], [AuthChallenge(scheme: "bearer", parameters: [:])]),
    ([""], []), ([], []), (["=,\"\""], []),
  ])
  func `challenges are read as servers write them`(headers: [String], expected: [AuthChallenge]) {
    #expect(AuthChallenge.parse(headers) == expected)
  }

  @Test func `a thousand challenges are not taken`() {
    #expect(AuthChallenge.parse([String(repeating: "Basic a=b, ", count: 1000)]).count == AuthChallenge.most)
  }
}
