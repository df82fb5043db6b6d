//===----------------------------------------------------------------------===//
// Quartermaster: log lines while the process that writes the log file cannot start
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import FixedMemory
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

// With maillog_file, master sends its lines to a service of its own (postlogd). When that service's processes cannot
// start, the lines that say why would stand in its socket unread. Then master writes to the file itself, what stands in
// the socket included, until one of the service's processes has reported for work. It looks in each turn of its loop,
// of which there are some a second then: the socket has room for a few lines only.
extension Master {
    /// Pauses of the loop while it stands in.
    static var standInMilliseconds: Int64 { 200 }

    /// The service that writes the log file; nil when the log goes elsewhere.
    var logService: RunningService? {
        guard settings.usesPostlog, !settings.maillogFile.isEmpty else { return nil }
        return activeServices.first { $0.plan.endpoint.path == settings.postlogEndpoint }
    }

    /// Looks who writes the log file now; before a line that matters.
    func attendToLog() {
        guard let service = logService, let view = policy.view(of: service.id) else { return }
        if view.isThrottled || view.steering == .left {
            isStandingIn ? relayUnreadLines(service) : standIn(for: service)
        } else if isStandingIn, view.total > view.starting {
            isStandingIn = false
            log.redirect(to: .postlog(socket: settings.postlogSocketPath, file: settings.maillogFile))
        }
    }

    /// A refusal must be in the log file although the new processes of the service may not be able to start.
    func attendToLogBeforeRefusal() {
        attendToLog()
        guard let service = logService, let view = policy.view(of: service.id), view.total == view.starting else {
            return
        }
        standIn(for: service)
    }

    private func standIn(for service: RunningService) {
        guard !isStandingIn, case .postlog = log.destination else { return }
        isStandingIn = true
        log.redirect(to: .file(settings.maillogFile))
        relayUnreadLines(service)
    }

    /// What others and we have sent to the socket of a service that has no process. The rest is for the next turn: a
    /// process that writes without pause may not keep master from its other work.
    private func relayUnreadLines(_ service: RunningService) {
        for number in service.listeners.numbers {
            for _ in 0..<Self.relayedAtOnce {
                switch logReader.next(number) {
                case .line(let line): log.relay(line)
                case .empty: continue
                case .nothing: return
                }
            }
        }
    }

    private static var relayedAtOnce: Int { 1000 }
}

/// Takes what stands in the socket of the service that writes the log file. It never waits there, whatever processes of
/// the service, which have the same open file, have made of its flags.
struct UnreadLogReader: ~Copyable {
    private var buffer = FixedBytes(count: ProtocolLimit.datagramBytes)

    enum Found {
        case line(String)
        /// A datagram without a byte, which anybody may send.
        case empty
        case nothing
    }

    mutating func next(_ number: DescriptorNumber) -> Found {
        var room = buffer.mutableBytes
        switch try? number.receive(into: &room) {
        case .bytes(let size):
            let line = buffer.bytes
            return .line(String(decoding: (0..<size).map { line.rawByte(at: $0) }, as: UTF8.self))
        case .endOfFile: return .empty
        case .wouldBlock, nil: return .nothing
        }
    }
}

extension MainSettings {
    /// The endpoint of the service that writes the log file, relative to the queue directory.
    var postlogEndpoint: String { "public/\(postlogServiceName)" }
}
