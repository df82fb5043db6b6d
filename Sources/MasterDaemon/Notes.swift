//===----------------------------------------------------------------------===//
// Quartermaster: what the policy notes, in the words of master's log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterPolicy
import MasterProtocol

/// The text of a note. Services are looked up by the caller, who still knows their names.
extension PolicyNote {
    enum Level { case info, warning }

    func text(_ service: (ServiceID) -> ServicePlan?) -> [(level: Level, text: String)] {
        switch self {
        case .exitStatus(let pid, let id, let status):
            return [(.warning, "process \(path(service(id))) pid \(pid) exit status \(status)")]
        case .killedBy(let pid, let id, let signal):
            return [(.warning, "process \(path(service(id))) pid \(pid) killed by signal \(signal)")]
        case .stoppedBy(let pid, let id, let signal):
            return [(.warning, "process \(path(service(id))) pid \(pid) stopped by signal \(signal)")]
        case .badStartup(let id):
            return [(.warning, "\(path(service(id))): bad command startup -- throttling")]
        case .processLimit(let id, let limit, nil):
            return limitText(service(id), limit).map { (.warning, $0) }
        case .processLimit(let id, let limit, let waiting?):
            return waitText(service(id), limit, waiting).map { (.warning, $0) }
        case .queueOverflowed(let id, let times, let room):
            return overflowText(service(id), times, room).map { (.warning, $0) }
        case .staleReport(let pid, _, let generation):
            return [(.info, "ignoring status update from child pid \(pid) generation \(generation)")]
        case .unknownStatus(let value, let pid, _):
            return [
                (
                    .warning,
                    "master_status_event: ignoring unknown status: \(value) allegedly from pid: \(pid)"
                )
            ]
        case .foreignReport(let pid, let sender, let owner):
            let (from, of) = (name(service(sender)), name(service(owner)))
            return [(.warning, "ignoring status update for pid \(pid) of service \(of) on the channel of \(from)")]
        case .unknownChild(let pid): return [(.info, "master_reap: ignoring unknown pid: \(pid)")]
        case .removalForced(let id, let count):
            return [
                (
                    .warning,
                    "service \(name(service(id))) was removed, but \(count) of its processes ignore SIGTERM"
                        + " -- sending SIGKILL"
                )
            ]
        case .cutOff(let pid, let id):
            return [
                (
                    .warning,
                    "service \(name(service(id))): process \(path(service(id))) pid \(pid) is cut off:"
                        + " it was still at work at the deadline of the drain"
                )
            ]
        case .drained(let id, let cutOff):
            let how = cutOff > 0 ? ", \(cutOff) of them cut off" : ""
            return [(.info, "service \(name(service(id))): all processes have left\(how)")]
        case .turnsOver: return [(.info, "reload: all processes were told to leave")]
        case .outgoingAbandoned(let id):
            return [
                (
                    .warning,
                    "service \(name(service(id))): clients wait at an address that it has lost"
                        + " -- only processes that run already serve them"
                )
            ]
        case .resumed(let id): return [(.info, "service \(name(service(id))): served again")]
        case .unknownReporter(let pid, _): return [(.info, "master_status_event: process id not found: \(pid)")]
        case .starting(let id, let reason):
            return [(.info, "service \(name(service(id))): starting a process, because \(reason.text)")]
        case .spawned(let pid, let id): return [(.info, "spawn command \(path(service(id))); pid \(pid)")]
        case .throttling(let id): return [(.info, "throttling command \(path(service(id)))")]
        case .throttleReleased(let id): return [(.info, "throttle released for command \(path(service(id)))")]
        case .queueStands(let id, let idle):
            return [
                (
                    .warning,
                    "service \(name(service(id))): clients wait, and \(idle) idle processes do not take them"
                        + " -- starting another process (see what the idle ones do, with strace -p or gdb -p)"
                )
            ]
        case .covered(let id, let coverage, let idle, let total):
            return [(.info, "service \(name(service(id))): \(coverage.text) (\(idle) idle of \(total))")]
        case .stressBegan(let id):
            return [
                (.info, "service \(name(service(id))) comes near its process limit: processes run with stress=yes")
            ]
        case .stressEnded(let id):
            return [(.info, "service \(name(service(id))): no stress any more, processes run without stress=yes")]
        case .ready(let pid, let id, let milliseconds):
            return [
                (
                    .info,
                    "service \(name(service(id))): process \(pid) has its first client, \(milliseconds) ms after its start"
                )
            ]
        case .ended(let pid, let id, let uses):
            return [(.info, "service \(name(service(id))): process \(pid) ended after \(uses) uses")]
        case .clientsLeft(let pid, let id, let heir):
            return [(.info, "service \(name(service(id))): process \(pid) leaves its clients to process \(heir)")]
        case .drainingEnded(let pid, let id):
            return [(.info, "service \(name(service(id))): process \(pid) has ended, and with it what was left to it")]
        case .nudged(let id, let count):
            return [(.info, "service \(name(service(id))): clients wait -- telling \(count) idle processes to look")]
        case .conditionalTimerStarted(let id): return [(.info, "start conditional timer for \(name(service(id)))")]
        }
    }

    private func path(_ plan: ServicePlan?) -> String { plan?.entry.executablePath ?? "(removed)" }

    private func name(_ plan: ServicePlan?) -> String { plan?.entry.nameAsWritten ?? "(removed)" }

    private func shown(_ plan: ServicePlan?) -> String {
        plan.map { "\"\($0.shown.name)\" (\($0.shown.canonical))" } ?? "(removed)"
    }

    /// Clients of a full service have been waiting for a while.
    private func waitText(_ plan: ServicePlan?, _ limit: Int32, _ waiting: Int32) -> [String] {
        let who =
            switch plan?.entry.type {
            case .unixDatagram, .udp: "datagrams wait"
            case .fifo: "\(waiting) bytes wait"
            case .inet, .unix, .pass, nil: waiting == 1 ? "1 client waits" : "\(waiting) clients wait"
            }
        return [
            "service \(shown(plan)) has reached its process limit \"\(limit)\": \(who)",
            "to avoid this condition, increase the process count in master.cf or reduce the service time per client",
        ]
    }

    private func overflowText(_ plan: ServicePlan?, _ times: UInt64, _ room: Int32) -> [String] {
        let cure =
            "to avoid this condition, increase the process count in master.cf or reduce the service time per client"
        let longer =
            "; a longer queue has more room: master_listen_backlog in main.cf, net.core.somaxconn in sysctl.conf"
        switch plan?.entry.type {
        case .inet:
            let dropped = times == 1 ? "1 attempt to connect was" : "\(times) attempts to connect were"
            return [
                "service \(shown(plan)): \(dropped) dropped, because the queue of \(room) clients was full",
                cure + longer,
            ]
        case .udp:
            let dropped = times == 1 ? "1 datagram was" : "\(times) datagrams were"
            return [
                "service \(shown(plan)): \(dropped) dropped, because the receive buffer of \(room) bytes was full",
                cure + "; a larger buffer has more room: master_receive_buffer in main.cf",
            ]
        case .fifo:
            return ["service \(shown(plan)): its FIFO was full when looked at, \(many(times))", cure]
        case .unix, .pass, .unixDatagram, nil:
            return [
                "service \(shown(plan)): the queue of \(room) clients was full when looked at, \(many(times))",
                cure + longer,
            ]
        }
    }

    private func many(_ times: UInt64) -> String { times == 1 ? "once" : "\(times) times" }

    private func limitText(_ plan: ServicePlan?, _ limit: Int32) -> [String] {
        let shown: (String, String) = plan?.shown ?? ("", "")
        return [
            "service \"\(shown.0)\" (\(shown.1)) has reached its process limit \"\(limit)\":"
                + " new clients may experience noticeable delays",
            "to avoid this condition, increase the process count in master.cf or reduce the service time per client",
            "see http://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings",
        ]
    }
}

extension StartReason {
    var text: String {
        switch self {
        case .clientCame: "a client came"
        case .queueIsLong: "more clients wait"
        case .queueStands: "idle processes do not react"
        case .replacing: "another is to be replaced"
        }
    }
}

extension Coverage {
    var text: String {
        switch self {
        case .leaving: "removed"
        case .held: "drained or disabled, not watched"
        case .noChannel: "no status channel, not watched for a moment"
        case .throttled: "throttled, not watched"
        case .spawning: "a process is being started"
        case .idleChild: "idle processes watch for clients"
        case .saturated: "all processes are busy and the limit is reached, not watched"
        case .uncovered: "no process is idle, master watches for clients"
        }
    }
}
