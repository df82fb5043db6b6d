//===----------------------------------------------------------------------===//
// Quartermaster: chat, a room in which every line reaches all others
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// The example of an event service: what one client says goes to all others, who asked for nothing. Its line in
/// master.cf, with one process, since a process is a room:
///
///     7778  inet  n  -  n  -  1  chat
struct Chat: EventService {
    /// What is remembered of a client.
    struct Guest {
        var nick: String
        /// Told to go, and still taking what was said before.
        var isGoing = false
    }
    typealias ClientState = Guest

    static let demands: ServiceDemands = .solitary
    static let maximumRequestSize = 1024
    /// Room that is kept for the last word to somebody who is too slow.
    private static let lastWordSize = 100

    private let log: ServiceLog
    private var arrivals = 0
    private var slow = RepeatedWarning()

    init(_ context: inout ServiceContext) {
        context.refuseArguments()
        // A room is not closed because many have been there.
        context.useLimit = 0
        log = context.log
    }

    mutating func clientArrived(_ client: Client, _ handle: inout Handle) -> Guest {
        arrivals += 1
        handle[to: client.id].append("* /nick NAME, /who, /quit; anything else is said to all\n")
        return Guest(nick: "guest\(arrivals)")
    }

    mutating func received(_ input: RawSpan, from client: ClientID, _ handle: inout Handle) -> Int {
        guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else { return 0 }
        let line = input.extracting(0..<(end > 0 && input.byte(at: end - 1) == UInt8(ascii: "\r") ? end - 1 : end))
        if line.starts(with: "/nick ") {
            rename(client, to: line.extracting(6..<line.byteCount), &handle)
        } else if line.equals("/who") {
            handle[to: client].append("* clients here: ")
            handle[to: client].append(decimal: handle.clientCount)
            handle[to: client].append("\n")
        } else if line.equals("/quit") {
            dismiss(client, "* goodbye\n", &handle)
        } else if line.starts(with: "/") {
            handle[to: client].append("* /nick NAME, /who, /quit\n")
        } else if line.byteCount > 0 {
            say(line, client, &handle)
        }
        return end + 1
    }

    /// Passes a line on. Who does not take what was said before is not waited for.
    private mutating func say(_ line: RawSpan, _ speaker: ClientID, _ handle: inout Handle) {
        let nick = handle[speaker].nick
        var next = handle.client(after: nil)
        while let guest = next {
            // To say something to one sends what was collected for another, who may be gone by then.
            defer { next = handle.client(after: guest) }
            if guest == speaker || handle[guest].isGoing { continue }
            if handle.room(of: guest) < line.byteCount + Self.lastWordSize {
                slow.log(log, at: handle.time, "\(handle[guest].nick) is too slow -- disconnecting")
                dismiss(guest, "* you are too slow: goodbye\n", &handle)
                continue
            }
            handle[to: guest].append(utf8: nick)
            handle[to: guest].append(": ")
            handle[to: guest].append(line)
            handle[to: guest].append("\n")
        }
    }

    private mutating func rename(_ client: ClientID, to name: RawSpan, _ handle: inout Handle) {
        // So short that a String keeps it in place.
        guard (1...15).contains(name.byteCount), Self.isName(name) else {
            return handle[to: client].append("* a name has 1 to 15 letters, digits, - or _\n")
        }
        let nick = String(utf8: name)
        var next = handle.client(after: nil)
        while let guest = next {
            next = handle.client(after: guest)
            if guest != client, handle[guest].nick == nick {
                return handle[to: client].append("* somebody else has that name\n")
            }
        }
        handle[client].nick = nick
        handle[to: client].append("* so it is\n")
    }

    private static func isName(_ bytes: RawSpan) -> Bool {
        for index in 0..<bytes.byteCount {
            switch bytes.byte(at: index) {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): continue
            default: return false
            }
        }
        return true
    }

    private func dismiss(_ client: ClientID, _ word: StaticString, _ handle: inout Handle) {
        handle[client].isGoing = true
        handle[to: client].append(word)
        handle.disconnectWhenSent(client)
    }

    /// The others are to meet in the process that comes next.
    mutating func willLeave(_ reason: LeaveReason, _ handle: inout Handle) -> LeaveDecision {
        var next = handle.client(after: nil)
        while let guest = next {
            next = handle.client(after: guest)
            if !handle[guest].isGoing { dismiss(guest, "* the room is closed: connect again\n", &handle) }
        }
        return .whenClientsHaveLeft(withinSeconds: 3)
    }
}

EventServer<Chat>.main()
