//===----------------------------------------------------------------------===//
// Quartermaster: another program takes over in this process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterControl
import MasterPolicy
import StatusPage
import SystemCalls

// No child notices: pid, locks, sockets, channels and children stay where they are. First the program tries the
// take-over out in a process of its own, with the state as it is then (`UpgradeAttempt`). When it says that it can,
// this process executes it, with the state as it is at that moment. A program that then finds that it cannot executes
// this one again (`TakeOver`).
extension Master {
    /// SIGUSR2, or a client of the control socket.
    ///
    /// - Parameter program: its absolute path; nil for the program that this one was started from, as its file is now.
    func upgradeRequested(_ program: String? = nil, by asker: SlotID? = nil) {
        if let asker { desk.waiters.append(ControlWaiter(client: asker, matter: .upgrade)) }
        guard let path = program ?? invocation.programPath else {
            let reason = "/proc is not there, so master does not know its own file"
            return refuseUpgrade(to: "the same program", reason, asker)
        }
        upgrade(to: path, asker)
    }

    private func upgrade(to program: String, _ asker: SlotID?) {
        if let obstacle = obstacle(to: program) { return refuseUpgrade(to: program, obstacle, asker) }
        log.info("upgrade: trying out \(program)")
        do throws(SystemError) {
            try beginTrial(program, asker)
        } catch {
            refuseUpgrade(to: program, error.description, asker)
        }
    }

    private func obstacle(to program: String) -> String? {
        if upgradeAttempt != nil { return "another upgrade is under way: wait for its end" }
        let isProgram = (try? facts(ofPath: program))?.kind == .file && isExecutable(program)
        return isProgram ? nil : "there is no program that may be executed; install it there, or name another path"
    }

    private func beginTrial(_ program: String, _ asker: SlotID?) throws(SystemError) {
        let state = try makeSealedFile("master-state", handover().encoded).moved(atLeast: ChildImage.lowestSource)
        let ends = try makePipe(nonBlocking: false).moved(atLeast: ChildImage.lowestSource)
        try ends.first.number.setNonBlocking(true)
        let pid: Int32
        switch spawner.tryOut(program, state: state.number, output: ends.second.number) {
        case .started(let started): pid = started
        case .execFailed(let started, let error), .moveFailed(let started, _, let error):
            helpers.insert(started)
            throw error
        case .forkFailed(let error): throw error
        }
        let pipe = ends.keepingFirst()
        do throws(SystemError) {
            let watch = try loop.watch(pipe.number, for: .readable, token: MasterEvent.trialSpoke.token)
            let timer = loop.makeTimer(token: MasterEvent.trialDue.token)
            loop.arm(timer, milliseconds: UpgradeAttempt.timeLimitSeconds * 1000)
            upgradeAttempt = UpgradeAttempt(
                program: program,
                asker: asker,
                pid: pid,
                pipe: pipe,
                watch: watch,
                timer: timer
            )
        } catch {
            helpers.insert(pid)
            try? sendSignal(.kill, to: pid)
            throw error
        }
    }

    /// The trial has said something; its end is heard of by SIGCHLD.
    func trialSpoke() {
        guard let attempt = upgradeAttempt else { return }
        if attempt.read() == .ended { loop.stop(attempt.watch) }
    }

    func trialDue() { upgradeAttempt?.timeIsUp() }

    func trialEnded(_ attempt: UpgradeAttempt, _ status: WaitStatus) {
        attempt.ended(status)
        let verdict = attempt.verdict
        if verdict == .running { return }
        loop.remove(attempt.watch)
        loop.remove(attempt.timer)
        upgradeAttempt = nil
        switch verdict {
        case .running: break
        case .possible(let names): handOver(to: attempt.program, names, attempt.asker)
        case .refused(let reason, let output):
            for line in output.prefix(20) {
                log.warning("upgrade: \(attempt.program): \(line)")
                if let asker = attempt.asker { say(.progress(line), to: asker) }
            }
            refuseUpgrade(to: attempt.program, reason, attempt.asker)
        }
    }

    /// Everything that runs goes on as it was.
    private func refuseUpgrade(to program: String, _ reason: String, _ asker: SlotID?) {
        let text = "upgrade to \(program) refused: \(reason) -- the running program goes on"
        log.warning(text)
        if let asker { answer(asker, .refused, text) }
    }

    /// Executes the program; returns when that failed, with everything as it was.
    private func handOver(to program: String, _ names: [String], _ asker: SlotID?) {
        carryOut()
        do throws(SystemError) {
            let own = try openOwnProgram()
            try blockAllSignals()
            try hearSignals()
            var handover = handover()
            handover.names = names
            let state = try makeSealedFile("master-state", handover.encoded)
            log.finish()
            let kept = handover.descriptors + [own.number, state.number]
            kept.forEach { try? $0.setCloseOnExec(false) }
            TakeOver.announce(state: state.number, program: own.number)
            manager.offer.announce()
            let error = execute(.path(program), arguments: [program] + invocation.arguments.dropFirst())
            TakeOver.withdraw()
            ServiceManagerOffer.withdraw()
            kept.forEach { try? $0.setCloseOnExec(true) }
            throw error
        } catch {
            try? unblockAllSignals()
            refuseUpgrade(to: program, error.description, asker)
            // What the last look has found, beside signals.
            while let occurrence = loop.next() { handle(occurrence) }
            considerReload()
        }
    }

    /// A signal that came while signals were not blocked yet is known to this program's loop only. What else there is
    /// to see, the next program's loop will see, too.
    private func hearSignals() throws(SystemError) {
        try loop.turn(waitingAtMost: 0)
        while let occurrence = loop.nextSignal() {
            switch occurrence.token.event {
            // Another upgrade is this one.
            case .upgradeRequested: break
            case .endRequested:
                try? unblockAllSignals()
                handle(occurrence)
            default: handle(occurrence)
            }
        }
    }

    private func openOwnProgram() throws(SystemError) -> Descriptor {
        do throws(SystemError) {
            return try openFile("/proc/self/exe", .readOnly)
        } catch {
            guard let path = invocation.programPath else { throw error }
            return try openFile(path, .readOnly)
        }
    }

    /// The state between two events, when no effect is left to be carried out.
    private func handover() -> Handover {
        Handover(
            pid: processID(),
            processName: processName,
            programPath: invocation.programPath ?? invocation.arguments.first ?? "",
            commandLine: invocation.arguments,
            names: [],
            versionLine: BuildMark.versionLine,
            locks: locks.numbers,
            flow: spawner.flowNumbers,
            frozen: frozen,
            acceptedMain: acceptedMain,
            owner: owner.account,
            started: PolicyTime(milliseconds: board.master.started),
            exitTime: exitTime,
            isStandingIn: isStandingIn,
            helpers: helpers.sorted(),
            verbosity: log.verbosity,
            areChildrenVerbose: areChildrenVerbose,
            hasMainStrayed: hasMainStrayed,
            reloadWish: reloadWish,
            desk: desk.handedOver(),
            board: Handover.Board(board),
            workerTotals: workerTotals,
            unsentWakeups: unsentWakeups,
            services: services.compactMap { $0.map(handedOver) },
            policy: policy
        )
    }

    private var unsentWakeups: [ServiceID] {
        let unsent = wakeups.unsent
        return services.compactMap { $0 }.filter { unsent.contains($0.plan.identity) }.map(\.id)
    }

    private func handedOver(_ service: RunningService) -> Handover.Service {
        Handover.Service(
            id: service.id,
            plan: service.plan,
            listeners: service.listeners.numbers,
            channel: Handover.Channel(service.channel?.readerNumber, service.channel?.childNumber),
            formerChannel: Handover.Channel(service.formerChannel?.readerNumber, service.formerChannel?.childNumber),
            isAdopted: service.isAdopted,
            isRefusing: service.isRefusing,
            outgoing: service.outgoingCount
        )
    }
}

extension Handover.Channel {
    fileprivate init?(_ reader: DescriptorNumber?, _ child: DescriptorNumber?) {
        guard let reader, let child else { return nil }
        self.init(reader: reader, child: child)
    }
}
