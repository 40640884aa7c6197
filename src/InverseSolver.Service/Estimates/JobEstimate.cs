namespace InverseSolver.Service.Estimates;

/// <summary>The cost that a job would have.</summary>
/// <param name="Seconds">
/// Time of its run, alone on its device, without the wait before it; null where the model could not be timed, because other models hold its memory.
/// </param>
/// <param name="SecondsLow">A run is seldom shorter.</param>
/// <param name="SecondsHigh">A run is seldom longer; null where a step took too long to be tried.</param>
/// <param name="Basis">The basis of the times in a sentence.</param>
/// <param name="MemoryBytes">The memory that it takes at most, beside the service itself and the model's weights.</param>
/// <param name="LeastMemoryBytes">The same where memory is short and one image at a time is solved.</param>
/// <param name="MemoryLimitBytes">The most memory of a job here (<c>Jobs:MemoryBytes</c>): jobs whose least memory is above it are refused.</param>
/// <param name="Calls">Calls of the model, at most: optimisers that stop early make fewer.</param>
/// <param name="Wait">The queue before it.</param>
internal sealed record JobEstimate(
    double? Seconds,
    double? SecondsLow,
    double? SecondsHigh,
    string Basis,
    long MemoryBytes,
    long LeastMemoryBytes,
    long MemoryLimitBytes,
    EstimatedCalls Calls,
    QueueWait Wait);

/// <summary>Calls of a model, one for each batch, as a finished job reports them.</summary>
/// <param name="NetworkCalls">Calls of the denoiser without gradient.</param>
/// <param name="NetworkGradients">Calls of the denoiser with gradient.</param>
/// <param name="DecoderCalls">Calls of the decoder without gradient.</param>
/// <param name="DecoderGradients">Calls of the decoder with gradient.</param>
/// <param name="EncoderCalls">Calls of the encoder, with gradient or without.</param>
internal sealed record EstimatedCalls(int NetworkCalls, int NetworkGradients, int DecoderCalls, int DecoderGradients, int EncoderCalls);

/// <summary>The queue before a job that would be sent now.</summary>
/// <param name="Jobs">Jobs that wait.</param>
/// <param name="Seconds">Time until a worker is free; null where jobs wait, or running ones do not say how long they take.</param>
internal sealed record QueueWait(int Jobs, double? Seconds);
