//===----------------------------------------------------------------------===//
// Quartermaster: a process that does one task for master, which need not wait for it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls

/// A copy of master with one task and one descriptor, the pipe on which it tells what comes of it: no lock, no
/// listener, no channel. It ends with its task, by `end`, or with master, which reaps it like any other child.
struct HelperProcess: ~Copyable {
    let pid: Int32
    private let pipe: Descriptor

    /// - Parameters:
    ///   - born: is told of the process before anything else can fail, since its end will be seen in any case.
    ///   - task: the helper's whole life.
    static func start(
        born: (_ pid: Int32) -> Void,
        task: (_ pipe: DescriptorNumber) -> Never
    ) throws(SystemError) -> HelperProcess {
        let ends = try makePipe(nonBlocking: false)
        guard let pid = try forkHelper(keeping: ends.second.number) else { task(ends.second.number) }
        born(pid)
        let helper = HelperProcess(pid: pid, pipe: ends.keepingFirst())
        do throws(SystemError) {
            try helper.number.setNonBlocking(true)
        } catch {
            helper.end()
            throw error
        }
        return helper
    }

    private init(pid: Int32, pipe: consuming Descriptor) {
        self.pid = pid
        self.pipe = pipe
    }

    /// Readable when there is something to read.
    var number: DescriptorNumber { pipe.number }

    func end() { try? sendSignal(.kill, to: pid) }

    /// For the task: writes a whole line, or ends with master.
    static func write(_ line: String, to pipe: DescriptorNumber) {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            guard case .bytes(let count)? = try? pipe.write(Array(rest)) else { exitAtOnce(ExitCode.failure) }
            rest = rest.dropFirst(count)
        }
    }
}
