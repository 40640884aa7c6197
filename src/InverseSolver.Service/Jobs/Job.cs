using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.Service.Webhooks;

namespace InverseSolver.Service.Jobs;

/// <summary>The state of a job. The last three are final.</summary>
internal enum JobState
{
    /// <summary>Waiting for its turn.</summary>
    Queued,

    /// <summary>Being solved.</summary>
    Running,

    /// <summary>Finished; its artefacts are available.</summary>
    Succeeded,

    /// <summary>Failed; <c>error</c> states the reason.</summary>
    Failed,

    /// <summary>Stopped on request.</summary>
    Cancelled,
}

/// <summary>A reconstruction job.</summary>
/// <param name="Id">Its id (UUID version 7).</param>
/// <param name="State">Its state.</param>
/// <param name="CancelRequested">True where it was asked to stop, which it does at the next step.</param>
/// <param name="Created">When it was accepted.</param>
/// <param name="Started">When it was first started.</param>
/// <param name="Finished">When it became final.</param>
/// <param name="Expires">When it and its files are deleted (<c>Jobs:KeepResults</c>, or its <c>retain</c>); null while it is not final.</param>
/// <param name="Attempts">The number of starts; more than one where the service failed meanwhile. It then goes on from its last checkpoint.</param>
/// <param name="Request">The request, with all solver parameters; null in lists without <c>expand</c>.</param>
/// <param name="Progress">Its progress, while it runs.</param>
/// <param name="Result">The figures, once it succeeded; null in lists without <c>expand</c>.</param>
/// <param name="Error">The error, where it failed.</param>
/// <param name="Warnings">
/// Sentences on possible faults of the result or the files, and on assumptions, to be shown with the result. Processing that every file of a kind undergoes
/// (oversampling removed, lines reversed) is only in the report's `origin.remarks`. Warnings on the files are present from the start; once the job has
/// succeeded, the warnings are those of the report.
/// </param>
/// <param name="Links">Related addresses.</param>
/// <param name="Webhook">Its webhook, where it has one.</param>
internal sealed record Job(
    string Id,
    JobState State,
    bool CancelRequested,
    DateTimeOffset Created,
    DateTimeOffset? Started,
    DateTimeOffset? Finished,
    DateTimeOffset? Expires,
    int Attempts,
    StoredRequest? Request,
    JobProgress? Progress,
    JobResult? Result,
    JobError? Error,
    IReadOnlyList<string> Warnings,
    JobLinks Links,
    JobWebhook? Webhook = null);

/// <summary>The progress of a job.</summary>
/// <param name="Stage">The solver's current stage.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Of">Steps in all.</param>
/// <param name="Residual">Sum of squared residuals over its expected value from noise.</param>
/// <param name="ElapsedSeconds">Time since the start.</param>
/// <param name="EtaSeconds">Estimated time to the end.</param>
/// <param name="Frames">The frames of a stack that are being solved.</param>
internal sealed record JobProgress(string Stage, int Step, int Of, double? Residual, double ElapsedSeconds, double? EtaSeconds, FrameRange? Frames = null);

/// <summary>The result of a job.</summary>
/// <param name="EffectiveSigma">The noise level that was used: the given sigma with the quantisation of an 8-bit measurement, or the estimate.</param>
/// <param name="Consistency">Agreement of the image with the measurement.</param>
/// <param name="Quality">Agreement with the truth, where that was given.</param>
/// <param name="Frames">The same for each frame, where the measurement is a stack; the figures above are then sums (residual, expected) and means.</param>
/// <param name="Cost">The cost of the run.</param>
/// <param name="Artefacts">The files.</param>
/// <param name="SigmaEstimated">True where the noise level was estimated from the measurement.</param>
/// <param name="SigmaMethod">The method of estimation, where it was estimated.</param>
/// <param name="Baselines">The baselines' figures, where some were asked for.</param>
/// <param name="Mri">For multi-coil MRI, the preparation of the measurement and the consistency of each coil.</param>
/// <param name="Device">The device that solved it: <c>cpu</c> or <c>cuda:N</c>.</param>
/// <param name="Sharing">The network calls that it shared with other jobs; null where it shared none.</param>
/// <param name="Residuals">
/// Residual over its expectation after each step, of the first item of its batch; null where a step has no estimate or sigma is 0.
/// </param>
internal sealed record JobResult(
    double EffectiveSigma, ConsistencyReport Consistency, QualityReport? Quality, IReadOnlyList<FrameReport>? Frames, CostReport Cost,
    IReadOnlyList<Artefact> Artefacts,
    IReadOnlyList<BaselineReport>? Baselines = null, bool SigmaEstimated = false, string? SigmaMethod = null, MriReport? Mri = null, string? Device = null,
    SharingReport? Sharing = null, IReadOnlyList<double?>? Residuals = null);

/// <summary>The reason why a job failed.</summary>
/// <param name="Code">
/// The stable code: <c>invalidInput</c>, <c>invalidFile</c>, <c>invalidModel</c>, <c>unknownModel</c>, <c>modelChanged</c>, <c>modelTooLarge</c>,
/// <c>outOfMemory</c>, <c>timeLimit</c>, <c>quarantined</c> or <c>internal</c>.
/// </param>
/// <param name="Field">The offending field of the request.</param>
/// <param name="Detail">The fault.</param>
/// <param name="TraceId">The id of the cause in the service's log.</param>
internal sealed record JobError(string Code, string? Field, string Detail, string? TraceId);

/// <summary>Addresses related to a job.</summary>
/// <param name="Self">The job.</param>
/// <param name="Events">Its events.</param>
/// <param name="Artefacts">Its files.</param>
/// <param name="Cancel">The address to stop it by POST; null once it is final.</param>
internal sealed record JobLinks(string Self, string Events, string Artefacts, string? Cancel);

/// <summary>A page of jobs, newest first.</summary>
/// <param name="Items">The jobs.</param>
/// <param name="Next">The cursor of the next page; null on the last one.</param>
internal sealed record JobPage(IReadOnlyList<Job> Items, string? Next);

/// <summary>A job's files.</summary>
/// <param name="Items">The files.</param>
internal sealed record ArtefactList(IReadOnlyList<Artefact> Items);

/// <summary>One event of a job's stream.</summary>
/// <param name="Job">The job with the state and progress of the moment.</param>
/// <param name="Preview">The current estimate as a PNG data URI, where there is a new one.</param>
internal sealed record JobEvent(Job Job, string? Preview);
