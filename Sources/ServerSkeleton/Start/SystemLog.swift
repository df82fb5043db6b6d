//===----------------------------------------------------------------------===//
// Quartermaster: the system's log, for a service that relays other people's messages
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig

/// Writes to the local syslog service whatever the log of this process is. A service whose work it is to relay to it
/// waits when it is full, so that the senders wait; others never do. Make it in `prepare`: the socket cannot be reached
/// any more from inside a chroot.
public final class SystemLog {
    private let log: Log

    /// Uses the facility of `syslog_facility`.
    public init(_ context: borrowing ServiceContext) {
        log = Log(
            ident: context.log.log.ident,
            host: nil,
            destination: .syslog(facility: context.settings.syslogFacility.code),
            waits: context.maillogFile.isEmpty
        )
    }

    /// An info message under somebody else's name. An ident with a `[` brings its own process id.
    public func info(ident: String, _ text: String) {
        let own = log.ident
        log.ident = ident
        log.info(text)
        log.ident = own
    }

    /// A warning of our own.
    public func warning(_ text: String) { log.warning(text) }
}
