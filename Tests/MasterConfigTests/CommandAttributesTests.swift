//===----------------------------------------------------------------------===//
// Quartermaster: tests of what a service's line says about a command
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import Testing

struct CommandAttributesTests {
    private func parse(_ arguments: [String]) -> (found: CommandAttributes?, problem: String?) {
        do throws(ConfigProblem) {
            return (try CommandAttributes(parsing: arguments), nil)
        } catch {
            return (nil, error.text)
        }
    }

    @Test("user, group and command")
    func good() {
        let plain = parse(["user=nobody", "argv=/bin/cat"]).found
        #expect(plain?.user == "nobody" && plain?.group == nil && plain?.command == ["/bin/cat"])
        let rich = parse(["USER=web:www", "ArgV=/bin/echo", "a b", "user=root", "argv=x", ""]).found
        #expect(rich?.user == "web" && rich?.group == "www", "names may be written in capitals")
        #expect(rich?.command == ["/bin/echo", "a b", "user=root", "argv=x", ""], "all that follows is the command's")
        #expect(parse(["user=a", "user=b:", "argv=c=d"]).found?.user == "b", "the last one counts")
        #expect(parse(["user=a", "user=b:", "argv=c=d"]).found?.group == "", "which no group is called")
        #expect(parse(["user=a", "argv=c=d"]).found?.command == ["c=d"])
        #expect(parse(["user=a:b:c", "argv=x"]).found?.group == "b:c")
    }

    @Test(
        "what is missing or unknown",
        arguments: [
            ([], "missing user= attribute"),
            (["argv=/bin/cat"], "missing user= attribute"),
            (["user=nobody"], "missing argv= attribute"),
            (["user=nobody", "argv="], "argv= names no command"),
            (["user=nobody", "argv=", "/bin/cat"], "argv= names no command"),
            (["user", "argv=x"], "unknown attribute name: user"),
            (["user=nobody", "flags=R", "argv=x"], "unknown attribute name: flags=R"),
            (["users=nobody", "argv=x"], "unknown attribute name: users=nobody"),
            (["/bin/cat"], "unknown attribute name: /bin/cat"),
        ] as [([String], String)]
    )
    func bad(_ arguments: [String], _ text: String) { #expect(parse(arguments).problem == text) }
}
