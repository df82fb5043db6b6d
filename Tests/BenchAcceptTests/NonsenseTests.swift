//===----------------------------------------------------------------------===//
// Quartermaster: command lines that make no sense
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@Suite("nonsense")
struct NonsenseTests {
    @Test(
        "a command line that makes no sense exits 64 and says why",
        arguments: [
            (["storm", "--preset", "echo"], "give --unix or --tcp"),
            (["storm", "--unix", "/a", "--tcp", "b:1", "--preset", "echo"], "exclude each other"),
            (["dance"], "dance"),
            (["storm", "--unix", "/a"], "nothing to say or hear"),
            (["kept", "--unix", "/a", "--expect-greeting", "hi"], "nothing to say"),
            (["storm", "--unix", "/a", "--send", "\\q"], "--send: \\q is no escape"),
            (["storm", "--unix", "/a", "--send", "@/nonexistent"], "--send: /nonexistent: No such file"),
            (["storm", "--unix", "/a", "--send", "a", "--expect", "a*b*"], "--expect: more than one *"),
            (["storm", "--unix", "/a", "--preset", "postlog"], "--preset postlog does not go with storm"),
            (["storm", "--unix", "/a", "--preset", "dance"], "--preset"),
            (["storm", "--unix", "/a", "--preset", "smtp", "--send", "x"], "--preset smtp has its own words"),
            (["storm", "--unix", "/a", "--preset", "echo", "--senders", "2"], "use --clients"),
            (["storm", "--unix", "/a", "--preset", "echo", "--clients", "0"], "--clients wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--count", "0"], "--count wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--duration", "0"], "--duration wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--timeout", "nan"], "--timeout wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--warm-up", "-1"], "--warm-up"),
            (["storm", "--unix", "/a", "--preset", "echo", "--threads", "51"], "--threads wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--repeat", "0"], "--repeat wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--rate", "0"], "--rate wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--rate", "1", "--profile", "x"], "exclude each other"),
            (["storm", "--unix", "/a", "--preset", "echo", "--profile", "ramp:1"], "--profile: expected ramp:"),
            (
                ["storm", "--unix", "/a", "--preset", "echo", "--profile", "/nonexistent"],
                "--profile: /nonexistent: no ramp:"
            ),
            (["storm", "--unix", "/a", "--preset", "echo", "--dribble", "1"], "--dribble is for slow"),
            (["storm", "--unix", "/a", "--preset", "echo", "--close", "rst"], "--close rst is for --tcp"),
            (["storm", "--tcp", "127.0.0.1:1", "--preset", "echo", "--close", "x"], "--close"),
            (["storm", "--tcp", "127.0.0.1:1", "--preset", "echo", "--sources", "x"], "--sources: x: expected"),
            (["storm", "--unix", "/a", "--preset", "echo", "--sources", "::1"], "--sources: a UNIX socket"),
            (["storm", "--unix", "/a", "--preset", "echo", "--fail-if", "p99"], "--fail-if"),
            (["storm", "--unix", "/a", "--size", "70000"], "--size wants"),
            (["storm", "--unix", "/a", "--size", "7", "--send", "a"], "exclude each other"),
            (["storm", "--tcp", "127.0.0.1", "--preset", "echo"], "--tcp: 127.0.0.1: expected HOST:PORT"),
            (["burst", "--unix", "/a", "--preset", "echo", "--count", "3"], "leave out --count"),
            (["burst", "--unix", "/a", "--preset", "echo", "--rate", "3"], "burst begins at once"),
            (["idle", "--unix", "/a", "--rate", "5"], "idle begins at once: leave out --rate"),
            (["idle", "--unix", "/a", "--send", "x"], "idle says nothing"),
            (["storm", "--unix", "/a", "--preset", "echo", "--clients", "-5"], "--clients wants 1 to 100000; \"-5\""),
            (["storm", "--unix", "/a", "--preset", "echo", "--count", "1.5"], "--count wants at least 1"),
            (["storm", "--unix", "/a", "--preset", "echo", "--duration", "3x"], "--duration wants a time"),
            (["storm", "--unix", "/a", "--preset", "echo", "--rate", "-3k"], "--rate wants"),
            (["storm", "-n", "10", "http://127.0.0.1:1/"], "'-n'"),
            (["storm", "https://127.0.0.1:1/"], "TLS is not spoken here"),
            (["storm", "127.0.0.1:80"], "a URL begins with http://"),
            (["storm", "http://u@127.0.0.1/"], "without a user's name"),
            (["storm", "http://127.0.0.1:1/a b"], "stand as %XX"),
            (["storm", "http://127.0.0.1:1/", "--tcp", "127.0.0.1:1"], "a URL says where to go"),
            (["storm", "http://127.0.0.1:1/", "--header", "X"], "--header: \"X\": expected \"Name: value\""),
            (["storm", "http://127.0.0.1:1/", "--header", "X: a\r\nY: b"], "expected \"Name: value\" on one line"),
            (["storm", "http://127.0.0.1:1/", "--method", "GE T"], "--method: GE T: expected a method"),
            (["storm", "http://127.0.0.1:1/", "--expect", "x"], "HTTP has its own replies"),
            (["storm", "--unix", "/a", "--preset", "echo", "--method", "PUT"], "--method and --header are for"),
            (["idle", "--unix", "/a", "--warm-up", "3"], "--warm-up does not go with idle"),
            (["kept", "--udp", "127.0.0.1:1", "--preset", "echo"], "kept wants connections"),
            (["datagrams", "--tcp", "127.0.0.1:25", "--preset", "postlog"], "give --unix"),
            (["datagrams", "--unix", "/a", "--preset", "postlog", "--clients", "2"], "use --senders"),
            (["datagrams", "--fifo", "/a", "--send", "a", "--expect", "b"], "no reply comes on a FIFO"),
            (["storm", "--fifo", "/a", "--send", "a", "--expect", "b"], "no reply comes on a FIFO"),
            (["kept", "--unix", "/a", "--preset", "echo", "--outstanding", "2"], "--outstanding is for datagrams"),
            (["datagrams", "--unix", "/a", "--preset", "postlog", "--outstanding", "2"], "can be told apart"),
            (
                ["datagrams", "--unix", "/a", "--send", "a", "--expect", "a", "--outstanding", "2"],
                "--preset echo, or {number} in --send and --expect"
            ),
            (
                ["datagrams", "--unix", "/a", "--send", "{number}", "--expect", "a"],
                "{number} belongs into both --send and --expect"
            ),
            (
                ["datagrams", "--unix", "/a", "--send", "{number}", "--expect", "*{number}"],
                "--expect: {number} stands before the *"
            ),
            (
                ["datagrams", "--unix", "/a", "--send", "{number}{number}", "--expect", "{number}"],
                "--send: {number} may be there once"
            ),
            (
                ["datagrams", "--unix", "/a", "--preset", "echo", "--senders", "100k", "--outstanding", "1000"],
                "--outstanding times --senders is 1048576 at most"
            ),
            (
                ["storm", "--unix", "/a", "--preset", "echo", "--json", "-", "--csv", "-"],
                "can have standard output"
            ),
            (["serve"], "says where to listen"),
            (["serve", "--udp", "127.0.0.1:1", "--close"], "are for connections"),
            (["compare", "a"], "give --run twice"),
            (["compare", "--run", "storm --unix /a --preset echo", "--run", "dance"], "--run 'dance'"),
            (["compare", "--run", "storm --unix /a", "--run", "x"], "nothing to say or hear"),
            (
                ["compare", "--run", "kpet --unix /a --preset echo", "--run", "x"],
                "no load \"kpet\"; did you mean kept?"
            ),
            (["compare", "--run", "kept --cleints 5", "--run", "x"], "'--cleints'. Did you mean '--clients'?"),
            (["compare", "--run", "", "--run", "x"], "a load begins with storm"),
            (["compare", "--run", "serve --unix /a", "--run", "x"], "a load begins with storm"),
            (["compare", "--run", "storm --unix '/a", "--run", "x"], "the quote ' is not closed"),
            (["compare", "--run", "kept --unix /a --preset echo --json -", "--run", "x"], "leave out --json"),
            (["compare", "a", "b", "--rounds", "9"], "--rounds is for --run"),
        ]
    )
    func nonsense(arguments: [String], words: String) throws {
        let run = try Bench.run([Bench.program] + arguments)
        #expect(run.status == 64)
        #expect(run.errors.contains(words), "\(run.errors)")
        #expect(run.output.isEmpty)
    }
}
