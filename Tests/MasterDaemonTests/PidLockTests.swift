//===----------------------------------------------------------------------===//
// Quartermaster: tests of the lock files
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

/// The text of a lock that could not be had.
private func failure(_ path: String) -> String? {
    do throws(PidLock.Failure) {
        _ = try PidLock.acquire(path)
        return nil
    } catch {
        return error.text
    }
}

@Suite struct PidLockTests {
    private let home: TemporaryDirectory
    private var path: String { home.file("master.pid") }

    init() throws { home = try TemporaryDirectory("qm-pid") }

    private func content() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test("the file holds the pid in 33 bytes")
    func pidIn33Bytes() throws {
        let lock = try PidLock.acquire(path)
        let text = try content()
        #expect(text.utf8.count == 33)
        #expect(text.hasSuffix(" \(getpid())\n"))
        #expect(PidLock.isHeld(path))
        #expect(
            failure(path)
                == "open lock file \(path): unable to set exclusive lock: Resource temporarily unavailable"
                + " (The master with pid \(getpid()) has it: kill -HUP \(getpid()) makes it reload, kill \(getpid()) ends it.)"
        )
        #expect(try content() == text)
        _ = consume lock
        // A child that another test is just starting shares the open file until its exec.
        #expect(eventually { !PidLock.isHeld(path) })
        #expect(FileManager.default.fileExists(atPath: path), "never removed")
    }

    @Test("a stale file is overwritten in place")
    func staleFile() throws {
        try home.write(String(repeating: "9", count: 50), to: "master.pid")
        let inode = try facts(ofPath: path).inode
        _ = try PidLock.acquire(path)
        #expect(try facts(ofPath: path).inode == inode)
        let text = try content()
        #expect(text.utf8.count == 50, "not truncated")
        #expect(text.prefix(33).hasSuffix(" \(getpid())\n"))
    }

    @Test("a lock without a file is not held, and asking makes no file")
    func noFile() {
        #expect(!PidLock.isHeld(path))
        #expect(!FileManager.default.fileExists(atPath: path), "asking makes no file")
    }

    @Test("what cannot be opened counts as held")
    func notOpened() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(PidLock.isHeld(path))
        #expect(failure(path) == "open lock file \(path): cannot open file: Is a directory")
    }

    @Test("a missing directory is told with the path of the file")
    func missingDirectory() {
        let path = home.file("none/master.pid")
        #expect(
            failure(path) == "open lock file \(path): cannot create file exclusively: No such file or directory"
        )
    }

    @Test("the errors of the kernel are told with the step that failed")
    func kernelErrors() async {
        await #expect(processExitsWith: .success) {
            let home = try TemporaryDirectory("qm-pid")
            let path = home.file("master.pid")
            FaultPlan.fail(.flock, with: Errno(rawValue: ENOLCK))
            #expect(failure(path) == "open lock file \(path): unable to set exclusive lock: No locks available")
            FaultPlan.clear()
            FaultPlan.fail(.write, with: .noSpace)
            #expect(failure(path) == "cannot update lock file \(path): No space left on device")
            FaultPlan.clear()
            FaultPlan.fail(.lseek, with: .ioError)
            #expect(failure(path) == "cannot update lock file \(path): Input/output error")
            FaultPlan.clear()
            #expect(failure(path) == nil)
        }
    }
}
