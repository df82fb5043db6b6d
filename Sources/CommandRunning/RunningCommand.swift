//===----------------------------------------------------------------------===//
// Quartermaster: a command that runs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import ServerSkeleton
package import SystemCalls

/// One run of a command, from its start to its end. Whoever holds it waits for it: a run that is dropped is not waited
/// for by anybody.
package struct RunningCommand: ~Copyable {
    /// How it came to its end.
    package enum End: Equatable, Sendable {
        case exited(status: Int32)
        case killed(signal: Int32)
        /// It took too long, and was killed.
        case tookTooLong
    }

    private let command: Command
    private let pid: Int32
    /// Readable when the process has ended; nil where the kernel has no such thing.
    private let handle: Descriptor?
    private let handleNumber: DescriptorNumber?
    private let deadline: Int64

    /// A try to start it fails for want of memory or processes: the next one comes after a second.
    private static let attempts = 5

    /// Starts it with these descriptors as its own: the first one as 0, the second as 1, and so on, no other. One that
    /// has its number already stays. Throws when the program cannot be run.
    package init(_ command: Command, descriptors: [DescriptorNumber]) throws(SystemError) {
        self.command = command
        var image = ChildImage(path: "", arguments: command.arguments, environment: command.environment, moves: [])
        for (index, descriptor) in descriptors.enumerated() where descriptor.rawValue != Int32(index) {
            image.moves.append((descriptor, DescriptorNumber(Int32(index))))
        }
        image.closedFrom = DescriptorNumber(Int32(descriptors.count))
        image.identity = command.identity
        pid = try Self.start(&image, command.paths)
        do throws(SystemError) {
            let opened = try openProcess(pid)
            handleNumber = opened.number
            handle = consume opened
        } catch {
            handleNumber = nil
            handle = nil
        }
        deadline = Clock.monotonicNanoseconds() / 1_000_000 + Int64(command.timeLimit) * 1000
    }

    private static func start(_ image: inout ChildImage, _ paths: [String]) throws(SystemError) -> Int32 {
        var failure = SystemError(.spawn, .noSuchFileOrDirectory)
        var attempts = Self.attempts
        var candidates = paths[...]
        while let path = candidates.first {
            image.path = path
            switch spawn(image) {
            case .started(let pid): return pid
            case .execFailed(let pid, let error), .moveFailed(let pid, _, let error):
                _ = try? waitForChild(pid)
                // What is found and may not be run is worth more than that the next place has nothing.
                if failure.code == .noSuchFileOrDirectory { failure = error }
                candidates = candidates.dropFirst()
            case .forkFailed(let error):
                attempts -= 1
                if attempts == 0 { throw error }
                pause(milliseconds: 1000)
            }
        }
        throw failure
    }

    // MARK: waiting

    /// Milliseconds; 0 when it is over.
    private var millisecondsLeft: Int64 { max(deadline - Clock.monotonicNanoseconds() / 1_000_000, 0) }

    private static let longestWait: Int64 = 1000
    /// Where the kernel says nothing of an end.
    private static let shortWait: Int64 = 10

    /// Waits until the command has ended, and ends it when its time is over.
    ///
    /// - Parameters:
    ///   - output: what it may have written something to; nil for nothing to look after.
    ///   - read: reads what there is, and says whether more may come.
    package consuming func wait(
        orFor output: DescriptorNumber? = nil,
        reading read: () -> Bool = { false }
    ) -> End {
        Watchdog.waitBegins()
        defer { Watchdog.waitEnded() }
        var output = output
        while true {
            if let status = hasEnded() { return status }
            let left = millisecondsLeft
            if left == 0 { return end() }
            let numbers = [output, handleNumber].compactMap { $0 }
            let pause = min(left, handleNumber == nil ? Self.shortWait : Self.longestWait)
            if (try? anyReadable(numbers, withinMilliseconds: Int32(pause))) != true {
                // Nothing to wait for at all.
                if numbers.isEmpty { SystemCalls.pause(milliseconds: UInt32(pause)) }
                continue
            }
            if output != nil, !read() { output = nil }
        }
    }

    private func hasEnded() -> End? {
        // There may be others, which the command has left to us.
        while let (reaped, status) = reapChild() {
            if reaped == pid { return Self.end(status) }
        }
        return nil
    }

    private static func end(_ status: WaitStatus) -> End {
        switch status {
        case .exited(let status): .exited(status: status)
        case .signaled(let signal), .stopped(let signal): .killed(signal: signal)
        }
    }

    /// With its process group, and with all others that it has started.
    private func end() -> End {
        let pid = self.pid
        let descendants = command.descendants
        command.withPowers {
            try? sendSignal(.kill, to: -pid)
            _ = try? waitForChild(pid)
            descendants.kill()
        }
        return .tookTooLong
    }
}

extension Command {
    /// What a run came to, where that is not as it should be.
    package func log(_ end: RunningCommand.End, to log: ServiceLog) {
        switch end {
        case .exited(status: 0): break
        case .exited(let status): log.warning("command \(name) exit status \(status)")
        case .killed(let signal): log.warning("command \(name) killed by signal \(signal)")
        case .tookTooLong: log.warning("\(name): command time limit exceeded -- killed after \(timeLimit) seconds")
        }
    }

    package func log(_ error: SystemError, to log: ServiceLog) {
        log.warning("command \(name) cannot be run: \(error.reason)")
    }
}
