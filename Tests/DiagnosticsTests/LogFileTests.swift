//===----------------------------------------------------------------------===//
// Quartermaster: tests of the log file that others may have prepared, or that cannot be opened
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import Diagnostics

@Suite struct LogFileTests {
    private let home: TemporaryDirectory
    private var path: String { home.file("mail.log") }

    init() throws { home = try TemporaryDirectory("qm-logfile") }

    private func content(_ name: String) -> String? {
        try? String(contentsOfFile: home.file(name), encoding: .utf8)
    }

    private func refusal(_ file: LogFile) -> CarefulOpenError? {
        do throws(CarefulOpenError) {
            try file.append("a line")
            return nil
        } catch {
            return error
        }
    }

    /// A file of root's that only root may write to, with a link of the user nobody that leads there.
    private func plantLink(_ name: String) throws {
        #expect(FileManager.default.createFile(atPath: home.file("secret"), contents: Data("mine\n".utf8)))
        #expect(chmod(home.file("secret"), 0o600) == 0)
        #expect(symlink(home.file("secret"), home.file(name)) == 0)
        #expect(lchown(home.file(name), 65534, 65534) == 0)
    }

    @Test(
        "a pipe that nobody reads is refused after a while, and taken when somebody does, or when it is a file by then"
    )
    func readerless() throws {
        #expect(mkfifo(path, 0o600) == 0)
        let path = path
        func refusal(_ patience: UInt32) -> String? {
            do throws(CarefulOpenError) {
                _ = try openLogFile(path, mode: 0o600, waits: true, patience: patience)
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(refusal(50) == "cannot open file: No such device or address")
        let other = try home.write("", to: "other")
        Thread.detachNewThread {
            // Whoever opens it is waiting by then, or comes in time.
            usleep(100_000)
            _ = rename(other, path)
        }
        #expect(refusal(600_000) == nil)
        unlink(path)
        #expect(mkfifo(path, 0o600) == 0)
        let end = try openFile(path, [.readOnly, .nonBlocking])
        let file = try openLogFile(path, mode: 0o600, waits: true, patience: 0)
        #expect(try file.number.write(Array("a line\n".utf8)) == .bytes(7))
        #expect(fcntl(file.number.rawValue, F_GETFL) & O_NONBLOCK == 0, "a full one is waited for")
        #expect(try end.number.read(atMost: 100) == Array("a line\n".utf8))
    }

    @Test(
        "root does not append through a link that an ordinary user made",
        .enabled(if: getuid() == 0, "another user's link takes root to make")
    )
    func plantedLink() throws {
        try plantLink("mail.log")
        let error = refusal(LogFile(path: path, permissions: 0o600))
        #expect(error == .refused("file is a symbolic link that an ordinary user could have made"))
        #expect(content("secret") == "mine\n")
        #expect(LogFile(path: path, permissions: 0o600).problem() == error?.reason)
    }

    @Test(
        "a log that is sent to postlogd does not go through such a link either",
        .enabled(if: getuid() == 0, "another user's link takes root to make")
    )
    func fallback() throws {
        try plantLink("mail.log")
        let log = Log(ident: "a", host: nil, destination: .postlog(socket: home.file("none"), file: path), waits: false)
        log.info("no receiver: to the file")
        log.finish()
        #expect(content("secret") == "mine\n")
        #expect(log.fileProblem() == "file is a symbolic link that an ordinary user could have made")
    }

    @Test("a file with a second name and a directory are refused")
    func otherKinds() throws {
        #expect(FileManager.default.createFile(atPath: home.file("secret"), contents: Data("mine\n".utf8)))
        #expect(link(home.file("secret"), path) == 0)
        #expect(refusal(LogFile(path: path, permissions: 0o600)) == .refused("file has 2 hard links"))
        #expect(content("secret") == "mine\n")
        #expect(mkdir(home.file("directory"), 0o700) == 0)
        #expect(refusal(LogFile(path: home.file("directory"), permissions: 0o600)) != nil)
        #expect(refusal(LogFile(path: home.file("no/such"), permissions: 0o600)) != nil)
    }

    @Test("a pipe takes lines while it has a reader, and is no problem without a reader")
    func pipe() throws {
        try makeFifo(path, mode: 0o600)
        let file = LogFile(path: path, permissions: 0o600)
        #expect(refusal(file) == nil)
        #expect(file.problem() == nil)
        let reader = try openFile(path, [.readOnly, .nonBlocking])
        #expect(refusal(file) == nil)
        #expect(try reader.number.read(atMost: 100) == Array("a line\n".utf8))
    }

    @Test(
        "a new log file has the permissions that were asked for, whatever the umask",
        arguments: [0o600, 0o640, 0o644]
    )
    func permissions(_ mode: Int) async {
        await #expect(processExitsWith: .success) { [mode] in
            setFileCreationMask(0o077)
            let test = try LogFileTests()
            let log = Log(ident: "a", host: nil, destination: .file(test.path), waits: false)
            log.filePermissions = UInt32(mode)
            log.info("hello")
            #expect(try facts(ofPath: test.path).mode & 0o777 == UInt32(mode))
            log.redirect(to: .postlog(socket: test.home.file("none"), file: test.home.file("other")))
            log.info("hello")
            #expect(try facts(ofPath: test.home.file("other")).mode & 0o777 == UInt32(mode))
            #expect(setFileCreationMask(0) == 0o077, "as it was")
        }
    }

    @Test("a device is opened as it is")
    func device() {
        #expect(refusal(LogFile(path: "/dev/null", permissions: 0o600)) == nil)
        #expect(refusal(LogFile(path: "/dev/full", permissions: 0o600)) == nil, "full, but there")
        #expect(refusal(LogFile(path: "/dev/no-such-device/x", permissions: 0o600)) != nil)
    }

    @Test(
        "a link in a directory below /dev that everybody may write to is refused",
        .enabled(if: getuid() == 0 && access("/dev/shm", W_OK) == 0, "takes root and /dev/shm")
    )
    func sharedMemory() throws {
        #expect(FileManager.default.createFile(atPath: home.file("secret"), contents: Data("mine\n".utf8)))
        let planted = "/dev/shm/qm-log-\(processID())"
        #expect(symlink(home.file("secret"), planted) == 0)
        defer { unlink(planted) }
        #expect(refusal(LogFile(path: planted, permissions: 0o600)) != nil)
        #expect(content("secret") == "mine\n")
    }

    @Test("lines that the file refuses are told once, on standard error where there is no system log")
    func told() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let log = Log(ident: "a", host: nil, destination: .file("/no/such/file"), waits: false)
            for number in 0..<100 { log.info("line \(number)") }
            // Where this machine has a system log, that is where the warning went.
            if access("/dev/log", W_OK) == 0 { LogFile.append("log file /no/such/file", to: .standardError) }
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.components(separatedBy: "log file /no/such/file").count == 2, "\(text)")
    }
}
