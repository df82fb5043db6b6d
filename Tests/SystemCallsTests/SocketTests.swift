//===----------------------------------------------------------------------===//
// Quartermaster: tests of sockets, descriptors and processes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@Suite struct SocketTests {
    @Test("a descriptor arrives with its byte")
    func passedDescriptor() throws {
        let pair = try makeSocketPair()
        let pipe = try makePipe(nonBlocking: true)
        try pair.first.number.pass(pipe.second.number)
        let received = try pair.second.number.receiveDescriptor()
        #expect(try received.number.write(Array("through".utf8)) == .bytes(7))
        #expect(try pipe.first.number.read(atMost: 10) == Array("through".utf8))
    }

    @Test("a byte alone is no descriptor")
    func byteAlone() throws {
        let pair = try makeSocketPair()
        _ = try pair.first.number.write([0])
        #expect(throws: SystemError(.recvmsg, .badMessage)) { _ = try pair.second.number.receiveDescriptor().number }
        try pair.second.number.setNonBlocking(true)
        #expect(throws: SystemError(.recvmsg, .resourceTemporarilyUnavailable)) {
            _ = try pair.second.number.receiveDescriptor().number
        }
    }

    @Test("the end of the connection is no descriptor")
    func endOfConnection() throws {
        let receiver = try makeSocketPair().keepingSecond()
        #expect(throws: SystemError(.recvmsg, .brokenPipe)) { _ = try receiver.number.receiveDescriptor().number }
    }

    @Test("addresses sort as services list them")
    func order() throws {
        let texts = ["::1", "127.0.0.2", "::", "10.0.0.1", "127.0.0.1", "0.0.0.0"]
        let sorted = try texts.map { try #require(SocketAddress(numeric: $0, port: 25)) }.sorted().map(\.hostText)
        #expect(sorted == ["0.0.0.0", "10.0.0.1", "127.0.0.1", "127.0.0.2", "::", "::1"])
    }

    @Test(
        "an address knows whether it is this machine's own, and keeps its text and port",
        arguments: [
            ("127.0.0.1", true), ("127.255.0.9", true), ("10.0.0.1", false), ("::1", true), ("::", false),
            ("::ffff:127.0.0.1", true), ("::ffff:10.0.0.1", false), ("2001:db8::1", false),
        ]
    )
    func loopback(_ text: String, _ isLoopback: Bool) throws {
        let address = try #require(SocketAddress(numeric: text, port: 2525))
        #expect(address.isLoopback == isLoopback)
        #expect(address.hostText == text)
        #expect(address.port == 2525)
        #expect(address.withPort(65535).port == 65535)
    }

    @Test("a path of 107 bytes fits, and a longer one does not")
    func longestPath() {
        #expect(SocketAddress(unixPath: String(repeating: "x", count: 107)) != nil)
        #expect(SocketAddress(unixPath: String(repeating: "x", count: 108)) == nil)
        #expect(SocketAddress(numeric: "localhost", port: 1) == nil)
    }

    @Test("a name in the abstract namespace is bound and found, and shown with a sign in front")
    func abstractName() throws {
        #expect(SocketAddress(abstractName: "") == nil)
        #expect(SocketAddress(abstractName: String(repeating: "x", count: 108)) == nil)
        let address = try #require(SocketAddress(abstractName: "quartermaster-test-\(UUID().uuidString)"))
        let receiver = try makeSocket(.unix, .datagram)
        try receiver.number.bind(to: address)
        #expect(try receiver.number.name(ofPeer: false) == address)
        #expect(address.hostText.hasPrefix("@quartermaster-test-"))
        let sender = try makeSocket(.unix, .datagram)
        try sender.number.connect(to: address)
        #expect(try sender.number.send(Array("hello".utf8)) == .bytes(5))
        #expect(try receiver.number.read(atMost: 10) == Array("hello".utf8))
        try receiver.close()
        try sender.close()
    }

    @Test("a socket tells its kind, and whether it listens; what is no socket tells neither")
    func kinds() throws {
        let stream = try makeSocket(.ipv4, .stream)
        #expect(try stream.number.socketKind() == .stream)
        let datagrams = try makeSocket(.unix, .datagram)
        #expect(try datagrams.number.socketKind() == .datagram)
        try datagrams.close()
        #expect(try stream.number.option(.isListening) == 0)
        try stream.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
        try stream.number.listen(backlog: 1)
        #expect(try stream.number.option(.isListening) == 1)
        try stream.close()
        let pipe = try makePipe(nonBlocking: true).keepingFirst()
        let number = pipe.number
        #expect(throws: SystemError(.getsockopt, .notSocket)) { _ = try number.socketKind() }
        try pipe.close()
    }

    @Test("a link says where it leads; what is none is an error of readlink(2)")
    func links() throws {
        let home = try TemporaryDirectory("qm-link")
        try makeFifo(home.file("fifo"), mode: 0o600)
        let fifo = try openFile(home.file("fifo"), [.readWrite, .nonBlocking])
        #expect(try linkTarget("/proc/self/fd/\(fifo.number.rawValue)") == home.file("fifo"))
        try fifo.close()
        #expect(throws: SystemError(.readlink, .invalidArgument)) { _ = try linkTarget(home.file("fifo")) }
    }

    @Test("accepting from an empty queue is no error")
    func emptyQueue() throws {
        let listener = try makeSocket(.ipv4, .stream)
        try listener.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
        try listener.number.listen(backlog: 5)
        try listener.number.setNonBlocking(true)
        switch try listener.number.accept() {
        case .client: Issue.record("a client from nowhere")
        case .nothing: break
        }
        let address = try #require(try listener.number.name(ofPeer: false))
        let client = try makeSocket(.ipv4, .stream)
        try client.number.connect(to: address)
        #expect(try listener.number.waitForInput(milliseconds: 90_000))
        switch try listener.number.accept() {
        case .client(let accepted): #expect(try accepted.number.name(ofPeer: true) == client.number.name(ofPeer: false))
        case .nothing: Issue.record("the client got lost")
        }
    }

    @Test("errors of one client are no errors of accept(2)")
    func errorsOfClients() async {
        await #expect(processExitsWith: .success) {
            let listener = try makeSocket(.ipv4, .stream)
            for code in [Errno.connectionAbort, .protocolError, .hostIsDown, .networkUnreachable] {
                FaultPlan.fail(.accept4, with: code)
                if case .client = try listener.number.accept() { Issue.record("a client") }
                FaultPlan.clear()
            }
            for code in [
                Errno.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noBufferSpace, Errno(rawValue: EBADF),
            ] {
                FaultPlan.fail(.accept4, with: code)
                do throws(SystemError) {
                    _ = try listener.number.accept()
                    Issue.record("no error")
                } catch { #expect(error == SystemError(.accept4, code)) }
                FaultPlan.clear()
            }
        }
    }

    @Test("descriptors end with their owner")
    func ownership() async {
        // Elsewhere another test might get a number that was just closed, and lose it here.
        await #expect(processExitsWith: .success) {
            let numbers: [DescriptorNumber]
            do {
                var list = DescriptorList()
                for _ in 0..<3 { list.append(try openFile("/dev/null", .readOnly).moved(atLeast: 300)) }
                numbers = list.numbers
                #expect(numbers.allSatisfy { $0.isOpen && $0.rawValue >= 300 })
                let first = Descriptor(owning: numbers[0])
                try first.close()
                let failures = list.closeAll()
                #expect(failures.map(\.error) == [SystemError(.close, Errno(rawValue: EBADF))])
                #expect(failures.map(\.number) == [numbers[0]])
            }
            #expect(numbers.allSatisfy { !$0.isOpen })
        }
    }

    @Test("a lock is exclusive among open files")
    func exclusiveLock() throws {
        let home = try TemporaryDirectory("qm-lock")
        let first = try openFile(home.file("lock"), [.readWrite, .create], mode: 0o600)
        let second = try openFile(home.file("lock"), .readWrite)
        #expect(try first.number.tryExclusiveLock())
        #expect(try !second.number.tryExclusiveLock())
        try first.number.unlock()
        #expect(try second.number.tryExclusiveLock())
    }

    @Test("an epoll instance is told from other descriptors")
    func epollInstance() throws {
        // The C library's module does not export epoll(7).
        typealias Create = @convention(c) (Int32) -> Int32
        let create = unsafeBitCast(try #require(dlsym(nil, "epoll_create1")), to: Create.self)
        let epoll = Descriptor(owning: DescriptorNumber(create(Int32(O_CLOEXEC))))
        #expect(epoll.number.isOpen)
        let pipe = try makePipe(nonBlocking: true)
        let pair = try makeSocketPair()
        #expect(isEpoll(epoll.number))
        #expect(isEpoll(epoll.number), "asking changes nothing")
        for number in [pipe.first.number, pipe.second.number, pair.first.number, DescriptorNumber(-1)] {
            #expect(!isEpoll(number), "\(number)")
        }
    }

    @Test("peeking takes nothing")
    func peeking() throws {
        let pair = try makeSocketPair()
        _ = try pair.first.number.write(Array("abc".utf8))
        #expect(try pair.second.number.unreadBytes() == 3)
        #expect(try pair.second.number.unreadBytes() == 3)
        #expect(try pair.second.number.read(atMost: 10) == Array("abc".utf8))
    }
}

/// Each in a process of its own: one thread at a time spawns, and the test program has many.
@Suite struct ProcessTests {
    @Test("a child gets its descriptors, arguments and environment, and no other descriptor of ours")
    func whatAChildGets() async {
        await #expect(processExitsWith: .success) {
            let pipe = try makePipe(nonBlocking: false).moved(atLeast: 64)
            let image = ChildImage(
                path: "/bin/sh",
                arguments: ["my name", "-c", "echo $0 $QM_WORD >&7; ls /proc/self/fd >&7", "zero"],
                environment: ["QM_WORD=word", "PATH=/bin:/usr/bin"],
                moves: [(from: pipe.second.number, to: DescriptorNumber(7))]
            )
            #expect(try ending(image) == .exited(status: 0))
            let bytes = try #require(try pipe.first.number.read(atMost: 1000))
            let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            #expect(words.prefix(2) == ["zero", "word"])
            let open = Set(words.dropFirst(2))
            #expect(open.contains("7"))
            let ours = [pipe.first.number, pipe.second.number].map { Substring("\($0.rawValue)") }
            #expect(open.isDisjoint(with: ours), "\(words)")
        }
    }

    @Test("a program that cannot run is reported at once")
    func unusableProgram() async {
        await #expect(processExitsWith: .success) {
            let image = ChildImage(path: "/nonexistent/program", arguments: ["x"], environment: [], moves: [])
            switch spawn(image) {
            case .execFailed(let pid, let error):
                #expect(error.code == .noSuchFileOrDirectory)
                let end = try waitForChild(pid)
                #expect(end == .exited(status: 1))
            default: Issue.record("not an exec failure")
            }
        }
    }

    @Test("how a child ended is told")
    func ends() async {
        await #expect(processExitsWith: .success) {
            for (script, end) in [("exit 7", WaitStatus.exited(status: 7)), ("kill -9 $$", .signaled(9))] {
                let image = ChildImage(path: "/bin/sh", arguments: ["sh", "-c", script], environment: [], moves: [])
                let found = try ending(image)
                #expect(found == end)
            }
        }
    }

    @Test("no fork is no child")
    func noFork() async {
        await #expect(processExitsWith: .success) {
            FaultPlan.fail(.spawn, with: .noMemory)
            let image = ChildImage(path: "/bin/true", arguments: ["true"], environment: [], moves: [])
            #expect(spawn(image) == .forkFailed(SystemError(.fork, .noMemory)))
            #expect(reapChild() == nil)
        }
    }
}

/// Runs a program to its end.
private func ending(_ image: ChildImage) throws -> WaitStatus {
    guard case .started(let pid) = spawn(image) else { throw TestSupportError("\(image.path) was not started") }
    return try waitForChild(pid)
}
