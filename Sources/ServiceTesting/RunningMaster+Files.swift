//===----------------------------------------------------------------------===//
// Quartermaster: directories, programs and configuration of a master under test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import SystemCalls

extension RunningMaster {
    var outputFile: String { "\(directory)/log/output" }

    /// What master and services have written to standard output and standard error.
    public var output: String { Self.text(outputFile) }

    static func text(_ path: String) -> String {
        String(decoding: (try? readFile(path).bytes) ?? [], as: UTF8.self)
    }

    /// Where SwiftPM puts the products of the same build, and what the environment adds to that.
    static func usualDirectories() throws -> [String] {
        let more = environmentValue("QUARTERMASTER_PROGRAMS") ?? ""
        return [try ownDirectory()] + more.split(separator: ":").map(String.init)
    }

    static func ownDirectory() throws -> String {
        let program = try linkTarget("/proc/self/exe")
        guard let slash = program.utf8.lastIndex(of: UInt8(ascii: "/")) else { throw ServiceTestError("no programs") }
        return String(program[..<slash])
    }

    static func makeDirectory() throws -> String {
        var name = Array("/tmp/qm-service-test.XXXXXX".utf8CString)
        let isMade = unsafe name.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
        guard isMade else { throw ServiceTestError("no directory below /tmp") }
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Services may run as somebody else.
        try changeMode(ofPath: path, 0o755)
        return path
    }

    static func make(_ path: String) throws {
        guard unsafe mkdir(path, 0o755) == 0 else { throw ServiceTestError("cannot make \(path)") }
    }

    /// Who owns queue and data: an account without privileges that every system has where root runs the test, else the
    /// user of the test.
    static var owner: String {
        if geteuid() == 0 { return "mail" }
        guard let account = unsafe getpwuid(geteuid()) else { return "nobody" }
        return unsafe String(cString: account.pointee.pw_name)
    }

    func giveToOwner(_ path: String) throws {
        guard geteuid() == 0, let account = try userAccount(named: Self.owner) else { return }
        guard unsafe chown(path, account.uid, account.gid) == 0 else {
            throw ServiceTestError("cannot give \(path) away")
        }
    }

    /// Puts a program where `master` looks for it.
    func place(_ program: String) throws {
        let isPath = program.utf8.contains(UInt8(ascii: "/"))
        let places = isPath ? [program] : programs.map { "\($0)/\(program)" }
        guard let path = places.first(where: { isExecutable($0) }) else {
            throw ServiceTestError("no program \(places.joined(separator: ", nor ")): build it first")
        }
        // One program may serve several lines.
        _ = unsafe symlink(path, "\(directory)/sbin/\(Self.name(program))")
    }

    static func name(_ program: String) -> String {
        guard let slash = program.utf8.lastIndex(of: UInt8(ascii: "/")) else { return program }
        return String(program[program.utf8.index(after: slash)...])
    }

    func writeMain(_ settings: [String: String]) throws {
        var all = [
            "compatibility_level": "3.6", "queue_directory": queueDirectory, "data_directory": "\(directory)/data",
            "daemon_directory": "\(directory)/sbin", "mail_owner": Self.owner,
            "maillog_file": "\(directory)/log/mail.log",
            "maillog_file_prefixes": directory, "inet_interfaces": "loopback-only", "inet_protocols": "ipv4",
            "myhostname": "test.example", "service_throttle_time": "2s",
        ]
        for setting in settings { all[setting.key] = setting.value }
        let lines = all.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }
        try write(lines.joined(), to: "etc/main.cf")
    }

    func writeServices(_ services: [TestedLine]) throws {
        var lines = ""
        for service in services {
            var name = service.name
            if case .inet = service.address {
                let port = try FreePorts.next()
                ports[service.name] = port
                name = "127.0.0.1:\(port)"
            }
            let arguments = service.arguments.map { $0.utf8.contains(UInt8(ascii: " ")) ? "{ \($0) }" : $0 }
            let command = ([Self.name(service.program)] + arguments).joined(separator: " ")
            lines += "\(name) \(service.type) n - n - \(service.processLimit) \(command)\n"
        }
        try write(lines, to: "etc/master.cf")
    }

    /// A file that was written just now would be read again after a pause.
    func write(_ text: String, to name: String) throws {
        let path = "\(directory)/\(name)"
        let file = try openFile(path, [.writeOnly, .create, .truncate], mode: 0o644)
        _ = try file.number.write(Array(text.utf8))
        let past = timeval(tv_sec: time(nil) - 3600, tv_usec: 0)
        _ = unsafe withUnsafePointer(to: (past, past)) { pair in
            unsafe pair.withMemoryRebound(to: timeval.self, capacity: 2) { unsafe utimes(path, $0) }
        }
    }

    func removeDirectory() {
        let image = ChildImage(path: "/bin/rm", arguments: ["rm", "-rf", directory], environment: [], moves: [])
        if case .started(let pid) = spawn(image) { _ = try? waitForChild(pid) }
    }
}

/// Takes the lines that services log, as postlogd(8) would, and puts them into the log file. On a thread of its own,
/// until an empty datagram comes.
final class LogTaker {
    private let socket: Descriptor
    private let file: Descriptor

    init(_ path: String, file: String) throws {
        guard let address = SocketAddress(unixPath: path) else { throw ServiceTestError("path too long: \(path)") }
        socket = try makeSocket(.unix, .datagram)
        try socket.number.bind(to: address)
        try changeMode(ofPath: path, 0o666)
        self.file = try openFile(file, [.writeOnly, .create, .append], mode: 0o644)
    }

    /// Until the end.
    func take() {
        try? socket.number.setNonBlocking(false)
        while let line = try? socket.number.read(atMost: 8192), !line.isEmpty {
            _ = try? file.number.write(line + [0x0a])
        }
    }

    static func end(_ path: String) {
        guard let address = SocketAddress(unixPath: path), let socket = try? makeSocket(.unix, .datagram) else {
            return
        }
        guard (try? socket.number.connect(to: address)) != nil else { return }
        _ = try? socket.number.send([UInt8](), waiting: true)
    }
}
