//===----------------------------------------------------------------------===//
// Quartermaster: ServiceLogging, swift-log over the log of a service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import Logging
public import ServerSkeleton

/// Lets code that logs through swift-log write to the log of its service, for authors who link this product. In the
/// service's `init`:
///
///     ServiceLogHandler.bootstrap(log: context.log)
///
/// Levels map to Postfix's severities: critical and error to error (without ending the process, however many there are,
/// unless `countsErrors` is set: then the 13th is fatal, as that of `ServiceLog.error` is), warning to warning, notice
/// and info to info, debug and trace to verbose messages. Metadata follows the text as `name=value`, in the order of
/// the names. Like the skeleton, it belongs to the one thread of the service.
public struct ServiceLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    /// Debug and trace messages depend on the verbosity (`-v`) as well.
    public var logLevel: Logger.Level = .info

    private let label: String
    private let countsErrors: Bool
    // The skeleton has one thread, and so has everything that logs in it.
    private nonisolated(unsafe) let log: ServiceLog

    /// - Parameters:
    ///   - label: of the logger; shown before the text unless it is empty.
    ///   - log: from `ServiceContext.log`.
    ///   - countsErrors: whether a process that has logged 13 errors ends. Libraries log errors that a service lives on
    ///     with, so they do not count by themselves.
    public init(
        label: String,
        log: ServiceLog,
        metadataProvider: Logger.MetadataProvider? = nil,
        countsErrors: Bool = false
    ) {
        self.label = label
        self.countsErrors = countsErrors
        unsafe self.log = log
        self.metadataProvider = metadataProvider
    }

    /// Every `Logger` that is made from now on writes to this log. Once in a process, as `LoggingSystem.bootstrap`.
    ///
    /// - Parameter countsErrors: as in `init`.
    public static func bootstrap(
        log: ServiceLog,
        metadataProvider: Logger.MetadataProvider? = nil,
        countsErrors: Bool = false
    ) {
        // The factory is called by the one thread of the service, which the compiler cannot see.
        nonisolated(unsafe) let log = log
        LoggingSystem.bootstrap(
            { label, provider in
                unsafe ServiceLogHandler(label: label, log: log, metadataProvider: provider, countsErrors: countsErrors)
            },
            metadataProvider: metadataProvider
        )
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let text = line(event.message, event.metadata)
        switch event.level {
        case .critical, .error:
            if countsErrors { unsafe log.error(text) } else { unsafe log.toleratedError(text) }
        case .warning: unsafe log.warning(text)
        case .notice, .info: unsafe log.info(text)
        case .debug: unsafe log.verbose(1, text)
        case .trace: unsafe log.verbose(2, text)
        }
    }

    private func line(_ message: Logger.Message, _ explicit: Logger.Metadata?) -> String {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let explicit { all.merge(explicit) { _, new in new } }
        let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        return (label.isEmpty ? "" : "\(label): ") + "\(message)\(pairs)"
    }
}
