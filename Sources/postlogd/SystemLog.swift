//===----------------------------------------------------------------------===//
// Quartermaster: postlogd's way to the system's log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import ServerSkeleton

/// Writes to the local syslog service, whatever the log of this process is. While postlogd relays to it, a full one
/// makes postlogd wait, and so the senders. Made before a chroot, from inside of which the socket cannot be reached.
struct SystemLog {
    private let log: Log

    /// Uses the facility of `syslog_facility`.
    init(_ context: borrowing ServiceContext) {
        log = Log(
            ident: context.log.log.ident,
            host: nil,
            destination: .syslog(facility: context.settings.syslogFacility.code),
            waits: context.settings.maillogFile.isEmpty
        )
    }

    /// An info message under the name of the sender. An ident with a `[` brings its own process id.
    func info(_ line: LoggedLine) {
        let own = log.ident
        log.ident = line.ident
        log.info(line.text)
        log.ident = own
    }

    /// A warning of our own.
    func warning(_ text: String) { log.warning(text) }
}
