//===----------------------------------------------------------------------===//
// Quartermaster: tests of logical lines and the dictionary
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Testing

@testable import MasterConfig

@Suite struct LogicalLinesTests {
    private func split(_ text: String) -> ([LogicalLine], [ConfigProblem]) {
        var problems: [ConfigProblem] = []
        let lines = LogicalLines.split(bytes(text), path: "/c/f", problems: &problems)
        return (lines, problems)
    }

    @Test("blank and comment lines do not end a logical line")
    func blankLines() {
        let (lines, problems) = split("a 1\n\n# x\n  b\n#y\n\tc\nd\n")
        #expect(lines.map(\.text) == ["a 1  b\tc", "d"])
        #expect(lines.map(\.number) == [1, 7])
        #expect(problems == [])
    }

    @Test("the line number is that of the first contributing line")
    func lineNumber() {
        #expect(split("# x\n\n  # y\nname\n  more").0 == [LogicalLine(number: 4, bytes: bytes("name  more"))])
    }

    @Test("the last line needs no newline")
    func lastLine() {
        #expect(split("a=b").0.map(\.text) == ["a=b"])
        #expect(split("").0 == [])
        #expect(split("\n \n#\n").0 == [])
    }

    @Test("leading whitespace skips the whole logical line")
    func leadingSpace() {
        let (lines, problems) = split("  lost\n more\nkept\n")
        #expect(lines.map(\.text) == ["kept"])
        #expect(
            problems.map(\.message) == ["/c/f, line 1: logical line must not start with whitespace: \"  lost more\""]
        )
        #expect(problems.first?.severity == .warning)
    }

    @Test("a long line that begins with white space is quoted in part")
    func longLeadingSpace() {
        let (_, problems) = split(" " + String(repeating: "x", count: 40))
        let quoted = " " + String(repeating: "x", count: 29)
        #expect(problems.map(\.text) == ["logical line must not start with whitespace: \"\(quoted)...\""])
    }

    @Test("a NUL byte ends the line")
    func nulByte() {
        let (lines, problems) = split("x=1\na = b\0c\n d\n")
        #expect(lines.map(\.text) == ["x=1", "a = b"])
        #expect(problems.map(\.message) == ["/c/f, line 2: text after null byte may be ignored"])
    }

    @Test("carriage returns are bytes of their own")
    func carriageReturns() {
        #expect(split("a\r\nb\r\n").0.map(\.bytes) == [bytes("a\r"), bytes("b\r")])
    }

    @Test("bytes that are not UTF-8 reach names, values and arguments as they stand")
    func anyBytes() {
        var problems: [ConfigProblem] = []
        let file = bytes("a = ") + [0xfc] + bytes("b $c\nc = ") + [0xff, 0xef, 0x9e, 0x80] + bytes("\n")
        let parsed = MainDictionary(parsing: file, path: "/c/f", problems: &problems)
        #expect(problems == [])
        let value = Expansion.expand(parsed.lookup("a") ?? "", in: parsed, problems: &problems)
        #expect(value?.rawBytes == [0xfc] + bytes("b ") + [0xff, 0xef, 0x9e, 0x80])
    }
}

@Suite struct MainDictionaryTests {
    private func texts(_ file: String) -> [String] {
        var problems: [ConfigProblem] = []
        _ = MainDictionary(parsing: file, path: "/c/main.cf", problems: &problems)
        return problems.map(\.message)
    }

    @Test("blanks around the equals sign and at the end are dropped")
    func blanks() {
        let parsed = dictionary("a=1\nb  =\t2 3 \t\nc =\nd= x=y\ne.f-g = h\r\n")
        #expect(parsed.lookup("a") == "1")
        #expect(parsed.lookup("b") == "2 3")
        #expect(parsed.lookup("c") == "")
        #expect(parsed.lookup("d") == "x=y")
        #expect(parsed.lookup("e.f-g") == "h")
        #expect(parsed.lookup("z") == nil)
        #expect(parsed.line(of: "d") == 4)
    }

    @Test("malformed lines are fatal and all reported")
    func malformedLines() {
        #expect(
            texts("foo\n= bar\na = 1\nfoo bar\n baz\n") == [
                "/c/main.cf, line 1: missing '=' after attribute name: \"foo\"",
                "/c/main.cf, line 2: missing attribute name: \"= bar\"",
                "/c/main.cf, line 4: missing '=' after attribute name: \"foo bar baz\"",
            ]
        )
    }

    @Test("a repeated name warns only if the value differs")
    func repeatedName() {
        #expect(texts("a=1\na=1\n") == [])
        #expect(texts("a=1\na=2\n") == ["/c/main.cf, line 2: overriding earlier entry: a=1"])
        var problems: [ConfigProblem] = []
        #expect(MainDictionary(parsing: "a=1\na=2\n", path: "p", problems: &problems).lookup("a") == "2")
    }

    @Test("defaults yield and options win")
    func strength() {
        var parsed = dictionary("a = file")
        parsed.insertDefault("a", "default")
        parsed.insertDefault("b", "default")
        #expect(parsed.lookup("a") == "file")
        #expect(parsed.lookup("b") == "default")
        #expect(!parsed.isSet("b"))
        parsed.set("a", "option")
        #expect(parsed.lookup("a") == "option")
    }

    @Test("an option is an assignment")
    func option() throws {
        let plain = try MainDictionary.assignment("a=b c ")
        #expect(plain == ("a", "b c"))
        let spaced = try MainDictionary.assignment("a = b")
        #expect(spaced == ("a", "b"))
        let empty = try MainDictionary.assignment("stress=")
        #expect(empty == ("stress", ""))
        #expect(throws: ConfigProblem.self) { try MainDictionary.assignment("a") }
        do throws(ConfigProblem) {
            _ = try MainDictionary.assignment("x y")
            Issue.record("accepted")
        } catch {
            #expect(error.text == "invalid \"-o x y\" option value: missing '=' after attribute name")
            #expect(error.severity == .fatal)
        }
    }

    @Test("place, text and cure, in the one form that there is")
    func forms() {
        let problem = ConfigProblem.fatal("invalid x", at: .line(3, of: "/c/main.cf"), cure: "Set x.")
        #expect(problem.message == "/c/main.cf, line 3: invalid x")
        #expect(problem.logged == "/c/main.cf, line 3: invalid x (Set x.)")
        #expect(problem.report == "fatal: /c/main.cf, line 3: invalid x\n    Set x.")
        #expect(problem.description == "fatal: /c/main.cf, line 3: invalid x")
        #expect(ConfigProblem.warning("empty", at: .file("/c/main.cf")).report == "warning: /c/main.cf: empty")
        let named = ConfigProblem.fatal("open /c/main.cf: Permission denied", at: .file("/c/main.cf"))
        #expect(named.message == "open /c/main.cf: Permission denied", "not named twice")
        #expect(ConfigProblem.info("here").description == "here")
    }

    @Test("problems are in the order of the lines, file by file; what has no place is last")
    func order() {
        let found = [
            ConfigProblem.fatal("nowhere"), .fatal("b9", at: .line(9, of: "b")), .fatal("a5", at: .line(5, of: "a")),
            .fatal("b2", at: .line(2, of: "b")), .fatal("a", at: .file("a")), .fatal("a5 too", at: .line(5, of: "a")),
        ]
        #expect(found.inOrder(of: ["a", "b"]).map(\.text) == ["a", "a5", "a5 too", "b2", "b9", "nowhere"])
    }
}
