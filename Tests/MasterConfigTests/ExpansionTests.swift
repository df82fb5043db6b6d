//===----------------------------------------------------------------------===//
// Quartermaster: tests of the expansion of
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import MasterConfig

@Suite struct ExpansionTests {
    static let file = """
        y = Y
        empty =
        indirect = $empty
        level = 3.6
        chain = <$y>
        ten = 10
        """

    private func expand(_ text: String, _ file: String = Self.file) -> (String?, [String]) {
        var problems: [ConfigProblem] = []
        let result = Expansion.expand(text, in: dictionary(file), problems: &problems)
        return (result, problems.map(\.text))
    }

    @Test(
        "every kind of reference expands as in Postfix",
        arguments: [
            ("plain", "plain"), ("$y", "Y"), ("${y}", "Y"), ("$(y)", "Y"), ("${ y }", "Y"), ("x$y-z", "xY-z"),
            ("$$y", "$y"), ("$$$y", "$Y"), ("$undefined", ""), ("$chain", "<Y>"), ("$y.$y", "Y.Y"), ("${?x}", ""),
            // Conditions, unbraced.
            ("${y?a}", "a"), ("${y:a}", ""), ("${empty?a}", ""), ("${empty:a}", "a"), ("${none?a}", ""),
            ("${none:a}", "a"), ("${y?a:b}", "a:b"), ("${none:a?b{c}}", "a?b{c}"), ("${y?<$y>}", "<Y>"),
            ("[${ y ? a b }]", "[ a b ]"), ("$(y?{a})", "a"),
            // Conditions, braced.
            ("${y?{a}}", "a"), ("[${y?  { a b }  }]", "[ a b ]"), ("${none:{a}}", "a"), ("${y?{a}:{b}}", "a"),
            ("${none?{a}:{b}}", "b"), ("${none?{a}:b c}", "b c"), ("${y?{a} : {b} }", "a"),
            // The raw value is tested.
            ("${indirect?set}", "set"), ("${indirect:unset}", ""),
            // Comparisons.
            ("${{a}=={a}?{yes}:{no}}", "yes"), ("${{a}=={b}?{yes}:{no}}", "no"), ("${{a}!={b}?yes}", "yes"),
            ("${{$y} == {Y} ? {yes} : {no} }", "yes"), ("${{a}=={a}:x}", ""), ("${{a}=={b}:x}", "x"),
            ("[${{a}=={a}}]", "[true]"), ("[${{a}=={b}}]", "[]"), ("${{9}<{$ten}?x:y}", "x:y"),
            ("${{9}<{$ten}?{num}}", "num"), ("${{ 9 }<{ 10 }?{x}:{text}}", "text"), ("${{a}<={a}?{1}}", "1"),
            ("${{b}>{a}?{1}}", "1"), ("${{b}>={c}?{1}:{0}}", "0"), ("${{010}=={10}?{1}}", "1"),
            ("${{}==  {}?{1}}", "1"),
            ("${{99999999999999999999}>{9}?{1}}", "1"),
            // Levels.
            ("${{$level} <level {3.6} ? {no} : {yes}}", "yes"), ("${{$level} <=level {3.6.0} ? {no} : {yes}}", "no"),
            ("${{1.2} <level {1.10}?{a}:{b}}", "a"), ("${{2}>level{1.99}?{a}}", "a"),
        ]
    )
    func expansions(_ text: String, _ expected: String) {
        let (result, problems) = expand(text)
        #expect(result == expected)
        #expect(problems == [])
    }

    @Test(
        "a syntax error is fatal, and says what and where",
        arguments: [
            ("${y", "truncated macro reference: \"${y\""), ("a$(b", "truncated macro reference: \"a$(b\""),
            ("${{a", "truncated macro reference: \"${{a\""), ("$()", "empty macro name: \"$()\""),
            ("$-x", "empty macro name: \"$-x\""), ("$", "empty macro name: \"$\""),
            ("${y z}", "attribute name syntax error at: \"...y>>> z\""),
            ("${ y-z}", "attribute name syntax error at: \"... y>>>-z\""),
            ("$(y?{a)", "unbalanced {} in attribute expression: \"{a\""),
            ("${{a}=={a}x}", "\"?\" or \":\" expected at: \"...}>>>x\""),
            ("${y?{a}x}", "\":\" expected at: \"...a}>>>x\""), ("${y:{a}x}", "unexpected input at: \"...a}>>>x\""),
            ("${y?{a}:{b}c}", "unexpected input at: \"...b}>>>c\""),
            ("${{a}== b}", "\"{expression}\" expected at: \"...{a} ==>>> b\""),
            ("${{a}==levels {1}}", "bad operator suffix at: \"...==>>>levels\""),
            ("${{1}<level {x}?{a}}", "malformed compatibility level syntax: \"x\""),
            (
                "${{a}=! {b}?x}",
                "\"==\" or \"!=\"\" or \"<\"\" or \"<=\"\" or \">=\"\" or \">\" expected at: \"...a}>>>=! {b}?x\""
            ),
        ]
    )
    func syntaxErrors(_ text: String, _ what: String) {
        let (result, problems) = expand(text)
        #expect(result == nil)
        #expect(problems == [error + what])
    }

    private let error = "dictionary mail_dict: macro processing error: "

    @Test("endless nesting stops")
    func endlessNesting() {
        let (result, problems) = expand("$a", "a = x$a")
        #expect(result == nil)
        #expect(problems == [error + "unreasonable macro call nesting: \"a\""])
        let nested = expand("$a", "a = ${{$a}=={b}?{c}}").1
        #expect(nested.first?.hasPrefix(error + "unreasonable macro call nesting: ") == true)
    }

    @Test("a hundred levels are fine")
    func hundredLevels() {
        let file = (0..<100).map { "p\($0) = $p\($0 + 1)" }.joined(separator: "\n") + "\np100 = end"
        #expect(expand("$p0", file).0 == "end")
        let (result, problems) = expand("$q", file + "\nq = $p0")
        #expect(result == nil)
        #expect(problems == [error + "unreasonable macro call nesting: \"p100\""])
    }

    @Test("doubling values are bounded")
    func doublingValues() {
        let doubling = (0..<90).map { "p\($0) = $p\($0 + 1)$p\($0 + 1)" }.joined(separator: "\n")
        #expect(expand("$p0", doubling).1 == ["dictionary mail_dict: macro expansion takes too many steps"])
        let big = "p90 = " + String(repeating: "x", count: 200_000)
        #expect(
            expand("$p88$p88", doubling + "\n" + big).1
                == ["dictionary mail_dict: macro expansion is longer than 1048576 bytes"]
        )
    }

    @Test(
        "a compatibility level is one to three numbers",
        arguments: [
            ("0", 0, 0, 0), ("3.6", 3, 6, 0), ("3.10.1", 3, 10, 1), ("2.0.1023", 2, 0, 1023),
        ]
    )
    func levels(_ text: String, _ major: Int, _ minor: Int, _ patch: Int) {
        #expect(CompatibilityLevel(text) == CompatibilityLevel(major: major, minor: minor, patch: patch))
    }

    @Test(
        "what is no compatibility level is refused",
        arguments: ["", "x", "3.", ".3", "3.x", "3.2000", "1.2.3.4", "-1", "3 "]
    )
    func malformedLevels(_ text: String) {
        #expect(CompatibilityLevel(text) == nil)
    }
}
