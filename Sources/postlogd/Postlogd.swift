//===----------------------------------------------------------------------===//
// Quartermaster: postlogd, the one writer of the log file
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

/// Appends each datagram to `maillog_file`, a batch with one system call; without such a file it relays to the system's
/// log what late clients still send here. It changes nothing in the lines, and no error of the file ends it: whoever
/// logs through it would be left without a log.
struct Postlogd: DatagramService {
    static let demands: ServiceDemands = [.solitary, .neverWaitsForLog]
    static let watchdogLimit: Parameter<Int>? = Parameter.time("postlogd_watchdog_timeout", default: "10s", min: 10)
    static var parameters: [any ServiceParameter] { watchdogLimit.map { [$0] } ?? [] }

    /// Seconds between two messages about a file that cannot be written.
    private static let complaintInterval: Int64 = 60

    private let log: ServiceLog
    private let file: ServiceFile?
    private let fileName: String
    private let systemLog: SystemLog
    private var nextComplaint = ServiceTime(milliseconds: .min)
    private var time = ServiceTime(milliseconds: 0)

    /// Opens the file, which only root may be allowed to do. Our own messages go there from now on.
    static func prepare(_ context: inout ServiceContext) {
        let path = context.maillogFile
        context.preparedSystemLog = SystemLog(context)
        guard !path.isEmpty else { return }
        do throws(ServiceError) {
            let file = try ServiceFile.openForAppending(path, mode: context.maillogFilePermissions)
            context.log.write(to: file)
            context.preparedFile = file
        } catch {
            context.log.fatal("open logfile '\(path)': \(error.reason)")
        }
    }

    init(_ context: inout ServiceContext) {
        context.refuseArguments()
        context.useLimit = 0
        log = context.log
        file = context.preparedFile
        fileName = context.maillogFile
        systemLog = context.preparedSystemLog ?? SystemLog(context)
    }

    mutating func willWait(_ time: ServiceTime) -> Int? {
        self.time = time
        return nil
    }

    mutating func received(_ datagrams: inout Datagrams) {
        guard let file else { return relay(datagrams) }
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
        systemLog.warning("write logfile '\(fileName)': \(error.reason) -- log lines are being lost")
    }

    private func relay(_ datagrams: borrowing Datagrams) {
        for index in 0..<datagrams.count {
            let line = datagrams.text(index)
            if let parts = LoggedLine(line) {
                systemLog.info(ident: parts.ident, parts.text)
            } else {
                log.info(line)
            }
        }
    }
}
