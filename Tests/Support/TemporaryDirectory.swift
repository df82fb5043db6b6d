//===----------------------------------------------------------------------===//
// Quartermaster: directories that go away with their test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// A fresh directory below `/tmp`, searchable by everybody (daemons change users), removed with its owner.
package final class TemporaryDirectory {
    package let path: String

    package init(_ prefix: String = "quartermaster") throws {
        var template = Array("/tmp/\(prefix).XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestSupportError("mkdtemp: \(errnoText())") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o755)
    }

    deinit { remove() }

    package func remove() { try? FileManager.default.removeItem(atPath: path) }

    /// The full path of a file in here.
    package func file(_ name: String) -> String { path + "/" + name }

    /// Writes a text file in here and returns its full path.
    @discardableResult
    package func write(_ text: String, to name: String) throws -> String {
        let target = file(name)
        try text.write(toFile: target, atomically: false, encoding: .utf8)
        return target
    }
}
