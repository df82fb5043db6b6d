//===----------------------------------------------------------------------===//
// Quartermaster: where log lines go
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Where the log of this process goes; exactly one destination is active.
package enum LogDestination: Equatable, Sendable {
    /// The local syslog socket; `facility` as syslog(3) numbers it, already shifted.
    case syslog(facility: Int32)
    /// Datagrams to postlogd(8); `file` is where lines go that it cannot take, nil for a process that may not write it.
    case postlog(socket: String, file: String?)
    /// Straight into a file that is opened for each line.
    case file(String)
    /// Straight into a file that is held open: by postlogd(8), which could not open it again once it gave
    /// up its privileges.
    case openFile(DescriptorNumber)
    /// A terminal or a test.
    case standardError

    /// The file that lines go to, or may go to.
    package var filePath: String? {
        switch self {
        case .file(let path), .postlog(_, let path?): path
        case .postlog(_, nil), .syslog, .openFile, .standardError: nil
        }
    }

    /// Whether lines look as in a postlog datagram; other destinations have shapes of their own.
    var hasPostlogShape: Bool {
        switch self {
        case .postlog, .file, .openFile: true
        case .syslog, .standardError: false
        }
    }

    package var isPostlog: Bool {
        if case .postlog = self { return true }
        return false
    }
}

/// Carries finished lines to one destination without ever waiting, unless told to: lines that the receiver cannot take
/// now stand in a queue, and when that is full they go to the file.
struct LogSink: ~Copyable {
    /// Lines that may wait for the receiver. At 120 bytes a line this is about a megabyte.
    static let queueLimit = 8192
    /// Delivered lines that may stand at the head of the queue before it is tidied.
    private static let tidyLimit = 1024

    let destination: LogDestination
    private var receiver: LogReceiver
    var file: LogFile?
    /// Why the file did not take a line that was meant for it.
    private var refusal: CarefulOpenError?
    private var queue: [String] = []
    private var queueHead = 0
    /// Lines that found the queue full and had no file to go to.
    private var lost = 0

    /// - Parameters:
    ///   - waits: whether a full receiver makes us wait: right for daemons, whose clients should feel it; never for
    ///     master.
    ///   - filePermissions: of a log file that has to be created.
    init(_ destination: LogDestination, waits: Bool, filePermissions: UInt32) {
        self.destination = destination
        file = destination.filePath.map { LogFile(path: $0, permissions: filePermissions) }
        receiver = LogReceiver(destination, waits: waits)
    }

    var hasPending: Bool { queueHead < queue.count }

    /// Number that the watchdog may write its last words to; nil without one.
    var descriptor: DescriptorNumber? {
        if case .openFile(let file) = destination { return file }
        return receiver.descriptor
    }

    mutating func put(_ line: String) {
        switch destination {
        case .standardError: LogFile.append(line, to: .standardError)
        case .file: appendToFile(line)
        case .openFile(let file): LogFile.append(line, to: file)
        case .syslog, .postlog:
            if hasPending {
                enqueue(line)
                flush()
            } else if !deliver(line) {
                enqueue(line)
            }
        }
    }

    /// Sends what waits, as far as the receiver takes it now.
    mutating func flush() {
        while hasPending, deliver(queue[queueHead]) { queueHead += 1 }
        if !hasPending {
            queue.removeAll(keepingCapacity: true)
            queueHead = 0
        } else if queueHead > Self.tidyLimit {
            queue.removeFirst(queueHead)
            queueHead = 0
        }
    }

    /// The process ends: what waits goes to the file, or is tried once more.
    mutating func flushFinally() {
        flush()
        guard hasPending, file != nil else { return }
        for line in queue[queueHead...] { appendToFile(line) }
        queue.removeAll()
        queueHead = 0
    }

    /// The lines that no receiver has taken yet.
    mutating func takePending() -> [String] {
        defer {
            queue.removeAll()
            queueHead = 0
        }
        return Array(queue[queueHead...])
    }

    /// How many lines were lost since the last call.
    mutating func takeLost() -> Int {
        defer { lost = 0 }
        return lost
    }

    /// Why the file refused a line since the last call.
    mutating func takeRefusal() -> CarefulOpenError? {
        defer { refusal = nil }
        return refusal
    }

    private mutating func enqueue(_ line: String) {
        if queue.count - queueHead < Self.queueLimit {
            queue.append(line)
        } else if file != nil {
            appendToFile(line)
        } else {
            lost += 1
        }
    }

    /// Whether the line is off our hands: taken by the receiver or, where there is none, by the file.
    private mutating func deliver(_ line: String) -> Bool {
        switch receiver.send(line) {
        case .taken: return true
        case .busy: return false
        case .nobodyThere:
            appendToFile(line)
            return true
        }
    }

    private mutating func appendToFile(_ line: String) {
        do throws(CarefulOpenError) {
            try file?.append(line)
        } catch {
            refusal = error
        }
    }
}
