import ServiceTesting
import Testing

@testable import hello

@Suite struct HelloTests {
    @Test func greetsByName() throws {
        let tester = try ServiceTester(stream: Hello.self, settings: ["hello_greeting": "welcome"])
        let client = try tester.connect()
        try client.send("world\nmoon", inPiecesOf: 1)
        #expect(try client.received() == "welcome, world\n")
        try client.send("\n")
        #expect(try client.received() == "welcome, moon\n")
    }
}
