//===----------------------------------------------------------------------===//
// Quartermaster: MasterControl, what an administrator may ask a running master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// One thing that master is asked to do, through its control socket. On the way it is one line of words,
///
///     VERB [SERVICE] [KEY=VALUE ...]
///
/// and this room is the one place that knows how it is written and read. It knows no socket, and not which services
/// there are.
package enum ControlRequest: Hashable, Sendable {
    /// Read the configuration again; the answer comes with its result. Processes leave that something has changed for,
    /// or, if `all`, every one, as after SIGHUP.
    case reload(all: Bool)
    /// What a reload would stumble over.
    case check
    /// Let the processes leave, of one service or of all (nil).
    case drain(ServiceReference?, Drain)
    /// Serve again what was drained.
    case resume(ServiceReference?)
    /// End a throttle.
    case release(ServiceReference)
    /// Fresh processes in place of those that run.
    case retire(ServiceReference)
    /// No service until the next reload, or `enable`.
    case disable(ServiceReference)
    case enable(ServiceReference)
    /// Whether master logs its decisions.
    case verbose(Bool)
    /// Drain everything, then end.
    case stop(timeoutSeconds: Int?)
    /// Another program takes over in the process of master: one with this absolute path, or the one that is now where
    /// master was started from. A path with a space cannot be named.
    case upgrade(program: String?)
    case version

    /// How a drain treats those who are being served, and those who come.
    package struct Drain: Hashable, Sendable {
        /// After so many seconds, processes that are still at work are ended; nil: never.
        package var timeoutSeconds: Int?
        /// New clients are turned away; else they wait.
        package var refuses: Bool

        package init(timeoutSeconds: Int? = nil, refuses: Bool = false) {
            self.timeoutSeconds = timeoutSeconds
            self.refuses = refuses
        }
    }

    /// Bytes of a request, without its newline.
    package static let longestLine = 1024
    /// A day; who wants to wait longer waits without a limit.
    package static let longestTimeout = 86_400

    /// The first word.
    package enum Verb: String, CaseIterable, Sendable {
        case reload, check, drain, resume, release, retire, disable, enable, verbose, stop, upgrade, version
    }

    package var verb: Verb {
        switch self {
        case .reload: .reload
        case .check: .check
        case .drain: .drain
        case .resume: .resume
        case .release: .release
        case .retire: .retire
        case .disable: .disable
        case .enable: .enable
        case .verbose: .verbose
        case .stop: .stop
        case .upgrade: .upgrade
        case .version: .version
        }
    }
}

/// A service as an administrator names it: the first field of its line in master.cf, with the type behind it where that
/// is needed to tell two apart, `smtp` or `smtp/inet`.
package struct ServiceReference: Hashable, Sendable {
    package let name: String
    package let type: Transport?

    package init(name: String, type: Transport? = nil) {
        self.name = name
        self.type = type
    }

    /// A slash belongs to the name, unless a type follows it.
    package init(_ text: String) {
        if let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")), slash > text.startIndex,
            let type = Transport(rawValue: String(text[text.index(after: slash)...]))
        {
            self.init(name: String(text[..<slash]), type: type)
        } else {
            self.init(name: text)
        }
    }

    package var text: String { type.map { "\(name)/\($0.rawValue)" } ?? name }
}
