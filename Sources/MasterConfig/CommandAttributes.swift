//===----------------------------------------------------------------------===//
// Quartermaster: which command a service runs, and as whom
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What stands behind the options of a service that runs a command: `user=name[:group]`, and at the end `argv=command
/// argument…`. The names of the attributes may be written in capitals. Whether there is such a user is not looked at.
package struct CommandAttributes: Equatable, Sendable {
    package let user: String
    /// Nil: the primary group of the user.
    package let group: String?
    /// The program and its arguments; at least one.
    package let command: [String]

    package init(parsing arguments: [String]) throws(ConfigProblem) {
        var user: Substring?
        var command: [String]?
        for (index, argument) in arguments.enumerated() {
            if let value = Self.value(of: "user", in: argument) {
                user = value
            } else if let value = Self.value(of: "argv", in: argument) {
                command = [String(value)] + arguments[(index + 1)...]
                break
            } else {
                let cure = "Write user=<name> and then argv=<command> behind the options."
                throw .fatal("unknown attribute name: \(argument)", cure: cure)
            }
        }
        guard let user else {
            throw .fatal("missing user= attribute", cure: "Write user=<name> before argv=; not root.")
        }
        guard let command else {
            throw .fatal("missing argv= attribute", cure: "Write argv=<command> at the end of the line.")
        }
        if command[0].isEmpty { throw .fatal("argv= names no command", cure: "Write the command right behind argv=.") }
        let parts = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        self.user = parts[0]
        group = parts.count > 1 ? parts[1] : nil
        self.command = command
    }

    private static func value(of name: StaticString, in argument: String) -> Substring? {
        let bytes = argument.utf8
        let count = name.utf8CodeUnitCount
        guard let sign = bytes.firstIndex(of: ASCII.equals) else { return nil }
        let written = bytes[..<sign].map { $0 | 0x20 }
        guard written.count == count, written.elementsEqual("\(name)".utf8) else { return nil }
        return argument[bytes.index(after: sign)...]
    }
}
