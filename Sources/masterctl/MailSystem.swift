//===----------------------------------------------------------------------===//
// Quartermaster: where the master of a configuration is, and what became of it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import ByteText
import ConfigLoading
import MasterConfig
import MasterOverview
import MasterProtocol
import StatusPage
import SystemCalls
import TerminalText
import WorkerPage

/// One configuration, and the master that runs on it.
struct MailSystem {
    let settings: MainSettings

    /// - Parameter configDirectory: what the command line says.
    init(configDirectory given: String?) throws {
        let directory = given ?? configDirectory()
        EnvironmentName.mailConfig.set(directory)
        var loaded = loadMainConfig(directory: directory, processName: "master", waitsUntilSettled: false)
        if loaded.bytes.isEmpty, let problem = loaded.problems.firstFatal {
            complain(problem.text + (problem.cure.map { " (\($0))" } ?? ""))
            throw ExitCode.failure
        }
        settings = evaluateSettings(&loaded.dictionary, host: loaded.host).settings
    }

    var pagePath: String { "\(settings.queueDirectory)/pid/master.status" }

    /// What there is to see now.
    func look(_ parts: PageReader.Parts = .all) throws(ExitCode) -> Sight {
        do throws(PageFileProblem) {
            let overview = try PageFile.read(pagePath, parts)
            return sight(of: overview)
        } catch {
            complain(text(error))
            throw .notRunning
        }
    }

    /// What daemons have counted, where their page may be read: by root, and by its owner.
    func addWork(to sight: inout Sight) {
        let workers = try? WorkerReader.read("\(settings.queueDirectory)/\(WorkerPage.path)")
        // There may be one that another master left.
        if workers?.master == sight.overview.master.pid { sight.workers = workers }
        addOwn(to: &sight)
    }

    /// What services have counted themselves, in the same way.
    func addOwn(to sight: inout Sight) {
        let own = try? MetricsReader.read("\(settings.queueDirectory)/\(MetricsPage.path)")
        if own?.master == sight.overview.master.pid { sight.own = own }
    }

    /// Where that page may be read, how many clients the processes have.
    func addingOpen(to sight: Sight) -> Sight {
        var sight = sight
        guard sight.overview.processes.contains(where: { $0.state == .draining }),
            let workers = try? WorkerReader.read("\(settings.queueDirectory)/\(WorkerPage.path)"),
            workers.master == sight.overview.master.pid
        else { return sight }
        sight.open = workers.open
        return sight
    }

    /// The master that runs on a queue directory, as its page tells; nil when none is seen.
    static func runningMaster(in queueDirectory: String) -> Int32? {
        guard let overview = try? PageFile.read("\(queueDirectory)/pid/master.status", []),
            life(ofMaster: overview.master.pid) != .isGone
        else { return nil }
        return overview.master.pid
    }

    /// What the page says, and what became of who wrote it.
    func sight(of overview: Overview) -> Sight {
        Sight(overview, now: Clock.monotonicNanoseconds() / 1_000_000, life: Self.life(ofMaster: overview.master.pid))
    }

    private func text(_ problem: PageFileProblem) -> String {
        let cure =
            "Is this the configuration that master runs on (-c)? A page is made by Quartermaster's master, and not by"
            + " Postfix's; when it cannot be made, the log says why."
        switch problem {
        case .cannotRead(let error):
            return error.code == .noSuchFileOrDirectory
                ? "no master runs here, or it has no status page: \(pagePath) does not exist. \(cure)" + Self.queueHint
                : "\(pagePath): \(error)"
        case .noPage(.foreign): return "\(pagePath) is no status page. \(cure)"
        case .noPage(.otherVersion(let version)):
            return "\(pagePath) is a page of version \(version), which this program does not know:"
                + " use the masterctl that came with master."
        case .noPage(.damaged): return "\(pagePath) is damaged. \(cure)"
        case .noPage(.cutOff): return "\(pagePath) is cut off. master makes another one within a minute, if it runs."
        case .noPage(.noFile): return "\(pagePath) is no file. Remove it; master makes another one within a minute."
        case .noPage(.superseded): return "\(pagePath) is replaced faster than it can be read. Try again."
        }
    }

    /// master keeps the queue directory that it was started with.
    static let queueHint = " If queue_directory in main.cf was edited since master was started, set it back."

    // MARK: whether it lives

    /// Looks without touching the lock, which a master that starts at this moment may want.
    static func life(ofMaster pid: Int32) -> MasterLife {
        guard pid > 0, let stat = try? readFile("/proc/\(pid)/stat").bytes,
            // "4711 (master) S …": the name may contain anything.
            let end = stat.lastIndex(of: UInt8(ascii: ")")), end + 2 < stat.count
        else { return .isGone }
        switch stat[end + 2] {
        case UInt8(ascii: "Z"), UInt8(ascii: "X"): return .isGone
        case UInt8(ascii: "T"), UInt8(ascii: "t"): return holdsLock(pid) ? .isStopped : .isGone
        default: return holdsLock(pid) ? .runs : .isGone
        }
    }

    /// Whether the process holds a lock at all: another one that got the number later does not, most likely.
    private static func holdsLock(_ pid: Int32) -> Bool {
        // "1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF"
        guard let locks = try? readFile("/proc/locks").bytes else { return true }
        return String(decoding: locks, as: UTF8.self).split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count > 4 && words[1] == "FLOCK" && words[4] == String(pid)
        }
    }

    // MARK: services

    /// The services that are meant, which have to be there.
    func services(named name: String, in sight: Sight) throws -> [ServiceOverview] {
        let found = sight.services(named: name)
        if !found.isEmpty { return found }
        complain("there is no service \"\(printable(name))\"" + hint(name, sight))
        throw ExitCode.failure
    }

    /// Names that are listed when none is like the one that was asked for.
    private static let longestList = 20

    private func hint(_ name: String, _ sight: Sight) -> String {
        let names = sight.overview.services.map { sight.name(of: $0) }
        let short = sight.overview.services.map(\.texts.name)
        let near = EditDistance.likelyName(for: name, among: short)
            .flatMap { found in short.firstIndex(of: found).map { names[$0] } }
        if let near = near ?? EditDistance.likelyName(for: name, among: names) {
            return " (did you mean \(printable(near))?)"
        }
        let more = names.count - Self.longestList
        return ". There are: \(printable(names.prefix(Self.longestList).joined(separator: " ")))"
            + (more > 0 ? " and \(more) more (masterctl services shows them)" : "")
    }

    /// What is at the place of a service's program.
    func program(of service: ServiceOverview) -> ProgramFacts {
        let command = service.texts.program
        let directory =
            settings.daemonDirectory.hasPrefix("/")
            ? settings.daemonDirectory : "\(settings.queueDirectory)/\(settings.daemonDirectory)"
        let path = command.hasPrefix("/") ? command : "\(directory)/\(command)"
        do throws(SystemError) {
            let facts = try facts(ofPath: path)
            return facts.kind == .file && facts.mode & 0o111 != 0 ? .isFine : .isNotExecutable(path: path)
        } catch {
            return error.code == .noSuchFileOrDirectory ? .isMissing(path: path) : .unknown
        }
    }
}
