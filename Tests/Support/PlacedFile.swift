//===----------------------------------------------------------------------===//
// Quartermaster: files that tests put in place, whole or not at all
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// Puts programs and configuration where other processes run and read them at any moment.
///
/// Each file is made under another name and then renamed, so that no reader sees half of one. A program is written by a
/// process of its own: a test program has many threads, and any of them may just be starting a child, which holds a
/// copy of every open descriptor until its exec. The kernel refuses to run what a process could still write to ("Text
/// file busy").
package enum PlacedFile {
    /// A copy of a program, in place of what was there.
    package static func program(_ source: String, at target: String) throws {
        let draft = target + ".draft"
        let copied = try run(["/bin/cp", "--", source, draft], timeout: patience)
        guard copied.succeeded else { throw TestSupportError("cannot copy \(source): \(copied)") }
        chmod(draft, 0o755)
        try move(draft, to: target)
    }

    /// A program from its text.
    package static func script(_ text: String, at target: String) throws {
        let source = target + ".text"
        try text.write(toFile: source, atomically: false, encoding: .utf8)
        defer { unlink(source) }
        try program(source, at: target)
    }

    /// A configuration file that looks old. Postfix and master alike pause before they read a file that was changed
    /// just now, and every process would do so.
    package static func configuration(_ text: String, at target: String) throws {
        let draft = target + ".draft"
        try text.write(toFile: draft, atomically: false, encoding: .utf8)
        chmod(draft, 0o644)
        try age(draft)
        try move(draft, to: target)
    }

    /// Makes a file look an hour old.
    package static func age(_ path: String) throws {
        let hourAgo = Date(timeIntervalSinceNow: -3600)
        try FileManager.default.setAttributes([.modificationDate: hourAgo], ofItemAtPath: path)
    }

    private static func move(_ draft: String, to target: String) throws {
        guard rename(draft, target) == 0 else { throw TestSupportError("rename to \(target): \(errnoText())") }
    }
}
