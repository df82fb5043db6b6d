//===----------------------------------------------------------------------===//
// Quartermaster: the start of every server, from exec to the first wait, in one straight line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterProtocol
import SystemCalls
import WorkerPage

/// A server that is ready to wait for work.
struct StartedServer<S: Service & ~Copyable>: ~Copyable {
    let circumstances: Circumstances
    var service: S
    /// Of a server with siblings that wait for work one at a time.
    var lock: ServiceLock?
    let counts: WorkerRow
}

/// Starts a server. The order of the steps is part of what master(8), administrators and services rely on: each step
/// may need what an earlier one did and must not need what a later one takes away. Every failure is fatal.
func startServer<S: Service & ~Copyable>(_ type: S.Type, as skeleton: DaemonOptions.Skeleton) -> StartedServer<S> {
    ignoreSignals()
    let tokenPipeProblem = S.demands.contains(.inFlowDelay) ? TokenPipe.problem() : nil
    let processName = StartStep.processName()
    StartStep.answerQuestions(processName, skeleton)
    let log = StartStep.openLog(processName, demands: S.demands)
    log.verbose(1, "daemon started")

    let options = StartStep.parseOptions(skeleton, log)
    StartStep.keepErrors(options, log)
    let parent = StartStep.parent(options)
    let serviceName = options.serviceName ?? processName
    let configuration = StartConfiguration(
        processName: processName,
        serviceName: serviceName,
        options: options,
        log: log,
        parameters: S.parameters,
        watchdogLimit: S.watchdogLimit
    )
    let evaluated = configuration.load(parent)
    var context = evaluated.context
    let settings = context.settings
    StartStep.reopenLog(log, processName, settings, options)
    StartStep.refuseTerminal(options, log)
    StartStep.checkDemands(S.demands, options, serviceName, log)

    let transport = StartStep.checkTransport(options, skeleton, log)
    let generation = StartStep.readGeneration(log)
    StartStep.runDebugger(options, context, log)
    let lock = StartStep.openLock(skeleton, parent, options, transport, serviceName, log)
    StartStep.enter(settings.queueDirectory, log)
    let counts = StartStep.takeRow(parent, serviceName, transport, log)
    StartStep.publish(context.meters, parent, serviceName, transport)

    let prepared = S.prepare(&context)
    Clock.loadTimeZone()
    Privileges.drop(options, settings, log)
    let service = S(&context, prepared: prepared)

    let circumstances = Circumstances(
        log: log,
        serviceName: serviceName,
        parent: parent,
        generation: generation,
        transport: transport,
        socketCount: options.socketCount,
        useLimit: context.useLimit,
        idleLimit: context.idleLimit,
        retirementSeconds: StartStep.retirementSeconds(S.demands, skeleton, options, settings),
        ipcTimeoutMilliseconds: LoopTime.milliseconds(ofSeconds: max(context.clientTimeout, 1)),
        inFlowDelayMilliseconds: StartStep.inFlowDelay(S.demands, options, settings, tokenPipeProblem, log),
        transferSize: context.transferSize,
        unsentLimit: context.unsentLimit,
        watchdogSeconds: evaluated.watchdogSeconds ?? StartStep.watchdogSeconds(skeleton, settings),
        meters: context.meters
    )
    return StartedServer(circumstances: circumstances, service: service, lock: lock, counts: counts)
}

/// A peer that hangs up and a file that is full are errors of one call, not the end of the process.
private func ignoreSignals() {
    try? Signal.pipe.ignore()
    try? Signal.fileSize.ignore()
}
