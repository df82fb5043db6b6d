//===----------------------------------------------------------------------===//
// Quartermaster: postlogd, the one writer of the log file
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import ServerSkeleton

/// Appends each datagram to `maillog_file`, a batch with one system call; without such a file it relays to the system's
/// log what late clients still send here. It changes nothing in the lines, and no error of the file ends it:
/// the processes that log through it would be left without a log.
struct Postlogd: DatagramService {
    static let demands: ServiceDemands = [.solitary, .neverWaitsForLog]
    static let watchdogLimit: Parameter<Int>? = Parameter.time("postlogd_watchdog_timeout", default: "10s", min: 10)
    static var parameters: [any ServiceParameter] { watchdogLimit.map { [$0] } ?? [] }

    /// Seconds between two messages about a file that cannot be written.
    private static let complaintInterval: Int64 = 60

    /// What only root may be allowed to open.
    struct Destinations: Preparation {
        let systemLog: SystemLog
        /// Nil while lines are relayed to the system's log.
        let file: ServiceFile?
    }

    private let log: ServiceLog
    private let destinations: Destinations
    private let fileName: String
    private var nextComplaint = ServiceTime(milliseconds: .min)
    private var time = ServiceTime(milliseconds: 0)

    /// Our own messages go to the file from now on.
    static func prepare(_ context: inout ServiceContext) -> Destinations {
        let systemLog = SystemLog(context)
        let path = context.settings.maillogFile
        guard !path.isEmpty else { return Destinations(systemLog: systemLog, file: nil) }
        do throws(ServiceError) {
            let file = try ServiceFile.openForAppending(path, mode: context.settings.maillogFilePermissions)
            context.log.write(to: file)
            return Destinations(systemLog: systemLog, file: file)
        } catch {
            context.log.fatal("open logfile '\(path)': \(error.reason)")
        }
    }

    init(_ context: inout ServiceContext, prepared: consuming Destinations) {
        context.refuseArguments()
        context.useLimit = 0
        log = context.log
        destinations = prepared
        fileName = context.settings.maillogFile
    }

    mutating func willWait(_ time: ServiceTime) -> Int? {
        self.time = time
        return nil
    }

    mutating func received(_ datagrams: inout Datagrams) {
        guard let file = destinations.file else { return relay(datagrams) }
        do throws(ServiceError) {
            try datagrams.appendLines(to: file)
        } catch {
            complain(error)
        }
    }

    /// The system's log is told what became of the lines; the file cannot be.
    private mutating func complain(_ error: ServiceError) {
        guard time >= nextComplaint else { return }
        nextComplaint = ServiceTime(milliseconds: time.milliseconds + Self.complaintInterval * 1000)
        destinations.systemLog.warning("write logfile '\(fileName)': \(error.reason) -- log lines are being lost")
    }

    private func relay(_ datagrams: borrowing Datagrams) {
        for index in 0..<datagrams.count {
            let line = datagrams.text(index)
            if let parts = LoggedLine(line) {
                destinations.systemLog.info(parts)
            } else {
                log.info(line)
            }
        }
    }
}
