//===----------------------------------------------------------------------===//
// Quartermaster: timers, connections and descriptors of the event service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import SystemCalls

extension EventLineService {
    // MARK: timers

    mutating func later(_ milliseconds: Int, _ client: ClientID, _ text: String, _ handle: inout Handle) {
        let timer = handle.makeTimer(tag: Tag.later.rawValue)
        handle.arm(timer, milliseconds: Int64(milliseconds))
        waiting.append((timer, client, text))
    }

    mutating func timerFired(_ timer: TimerID, _ handle: inout Handle) {
        let client = ClientID(number: timer.tag >> 8)
        switch Tag(rawValue: timer.tag & 0xff) {
        case .later:
            guard let index = waiting.firstIndex(where: { $0.timer == timer }) else { return }
            let (_, asker, text) = waiting.remove(at: index)
            handle.remove(timer)
            say(text, asker, &handle)
            if Self.has("quits-after-later") { handle.disconnectWhenSent(asker) }
        case .tick: handle[to: client].append("tick\n")
        case .resume:
            handle.remove(timer)
            handle.resumeReading(client)
        case .leave:
            log.info("hook told to leave")
            handle.leave()
        case nil: log.error("a timer that nobody made")
        }
    }

    // MARK: what is its own

    /// `connect <milliseconds> <address> [<text to send at once>]`.
    func connect(_ words: [String], _ limit: Int, _ client: ClientID, _ handle: inout Handle) {
        guard words.count > 2, let address = NetworkAddress(words[2]) else {
            return say("bad address", client, &handle)
        }
        do throws(ServiceError) {
            let connection = try handle.connect(to: address, within: Int64(limit), state: Peer(asker: client))
            let text = Array(words.dropFirst(3).joined(separator: " ").utf8)
            if !text.isEmpty { _ = handle.send(text.span.bytes, to: connection) }
            if words[0] == "connect-closing" { handle.disconnectWhenSent(connection) }
        } catch {
            say("cannot: \(error.reason)", client, &handle)
        }
    }

    mutating func connected(_ connection: ClientID, _ handle: inout Handle) {
        if let asker = handle[connection].asker { say("connected", asker, &handle) }
    }

    mutating func connectFailed(
        _ connection: ClientID,
        _ state: consuming Peer,
        _ failure: ConnectFailure,
        _ handle: inout Handle
    ) {
        guard let asker = state.asker else { return }
        switch failure {
        case .timedOut: say("failed: timed out", asker, &handle)
        case .refused(let error): say("failed: \(error.reason)", asker, &handle)
        }
    }

    /// Writes into a pipe of its own once there is room, and reads what it wrote.
    mutating func watchPipe(_ client: ClientID, _ handle: inout Handle) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { return say("no pipe", client, &handle) }
        pipe = ends
        pipeAsker = client
        do throws(ServiceError) {
            _ = try handle.watch(ends[1], for: .writing, tag: 1)
            _ = try handle.watch(ends[0], for: .reading, tag: 2)
        } catch {
            say("cannot watch: \(error.reason)", client, &handle)
        }
    }

    /// The same, but the watch for reading is paused and resumed before.
    mutating func resumePipe(_ client: ClientID, _ handle: inout Handle) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0, write(ends[1], "through the pipe\n", 17) == 17 else {
            return say("no pipe", client, &handle)
        }
        pipe = ends
        pipeAsker = client
        #if DEBUG
        FaultPlan.clear()
        guard let watch = try? handle.watch(ends[0], for: .reading, tag: 2) else { return }
        handle.pause(watch)
        FaultPlan.fail(.epollControl, with: .noMemory)
        handle.resume(watch)
        say("resumed", client, &handle)
        #endif
    }

    mutating func descriptorReady(_ watch: DescriptorWatch, _ handle: inout Handle) {
        guard let asker = pipeAsker else { return }
        switch (watch.purpose, watch.tag) {
        case (.writing, 1):
            handle.pause(watch)
            if watch.descriptor == pipe[1] { _ = write(watch.descriptor, "through the pipe\n", 17) }
        case (.reading, 2):
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = read(watch.descriptor, &bytes, bytes.count)
            handle[to: asker].append(bytes.span.bytes.extracting(0..<max(count, 0)))
            handle.remove(watch)
        default: log.error("a descriptor that nobody watches")
        }
    }

    /// The next such call fails.
    func fault(_ name: String) {
        #if DEBUG
        switch name {
        case "epoll": FaultPlan.fail(.epollControl, with: .noMemory)
        case "socket": FaultPlan.fail(.socket, with: .tooManyOpenFiles)
        case "connect": FaultPlan.fail(.connect, with: .resourceTemporarilyUnavailable)
        case "fork": FaultPlan.fail(.fork, with: .noMemory)
        default: break
        }
        #endif
    }
}
