//===----------------------------------------------------------------------===//
// Quartermaster: tests of the copy of main.cf that master keeps
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Foundation
import SystemCalls
import TestSupport
import Testing

struct AcceptedMainConfigTests {
    static let contents: [[UInt8]] = [
        [], Array("max_idle = 3s\n".utf8), Array("no newline at the end".utf8), [0xe9, 0, 10, 0xff], Array("#\n#".utf8),
    ]

    @Test("what was written is read back, byte for byte", arguments: contents)
    func roundTrip(_ bytes: [UInt8]) throws {
        let directory = try TemporaryDirectory("qm-accepted")
        let path = directory.file("copy")
        let copy = AcceptedMainConfig(directory: "/etc/postfix", bytes: bytes)
        try copy.write(to: path)
        #expect(try AcceptedMainConfig.read(directory: "/etc/postfix", from: path) == copy)
        #expect(try facts(ofPath: path).mode & 0o777 == 0o600, "main.cf may hold what not everybody may read")
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    @Test("a new copy replaces the old one, and what a crash left behind is no obstacle")
    func replacement() throws {
        let directory = try TemporaryDirectory("qm-accepted")
        let path = directory.file("copy")
        try directory.write("half of a co", to: "copy.new")
        for text in ["first = 1\n", "second = 2\n"] {
            let copy = AcceptedMainConfig(directory: "/etc", bytes: Array(text.utf8))
            try copy.write(to: path)
            #expect(try AcceptedMainConfig.read(directory: "/etc", from: path) == copy)
        }
    }

    @Test("the copy of another directory's main.cf is refused")
    func otherDirectory() throws {
        let directory = try TemporaryDirectory("qm-accepted")
        let path = directory.file("copy")
        try AcceptedMainConfig(directory: "/etc/postfix-out", bytes: []).write(to: path)
        for other in ["/etc/postfix", "/etc/postfix-out2", ""] {
            #expect(throws: CarefulOpenError.refused("it is not a copy of \(other)/main.cf")) {
                try AcceptedMainConfig.read(directory: other, from: path)
            }
        }
    }

    @Test("a link, a FIFO, a second name, a file others may write to, and a stranger's are refused")
    func planted() throws {
        let directory = try TemporaryDirectory("qm-accepted")
        let path = directory.file("copy")
        let manager = FileManager.default
        func place() throws { try AcceptedMainConfig(directory: "/etc", bytes: []).write(to: path) }
        func isRefused(_ reason: String) -> Bool {
            do throws(CarefulOpenError) {
                _ = try AcceptedMainConfig.read(directory: "/etc", from: path)
                return false
            } catch {
                return error.reason.contains(reason)
            }
        }
        try place()
        try manager.moveItem(atPath: path, toPath: directory.file("real"))
        try manager.createSymbolicLink(atPath: path, withDestinationPath: directory.file("real"))
        #expect(isRefused("cannot read file: "))
        try manager.removeItem(atPath: path)
        #expect(mkfifo(path, 0o600) == 0)
        #expect(isRefused("it is no regular file"))
        try manager.removeItem(atPath: path)
        try place()
        #expect(link(path, directory.file("second")) == 0)
        #expect(isRefused("it has 2 hard links"))
        try place()
        #expect(chmod(path, 0o620) == 0)
        #expect(isRefused("others may write to it"))
        guard getuid() == 0 else { return }
        try place()
        #expect(chown(path, 65534, 65534) == 0)
        #expect(isRefused("it is owned by user 65534"))
    }
}
