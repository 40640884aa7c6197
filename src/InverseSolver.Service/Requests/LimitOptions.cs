using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Requests;

/// <summary>Limits of requests, checked before memory is allocated.</summary>
internal sealed class LimitOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Limits";

    /// <summary>Bytes of a whole multipart request.</summary>
    [Range(1024, 1L << 32)] public long RequestBytes { get; init; } = 160L << 20;

    /// <summary>Bytes of a JSON request, its data URIs included.</summary>
    [Range(1024, 1 << 30)] public int JsonBytes { get; init; } = 32 << 20;

    /// <summary>Bytes of one file.</summary>
    [Range(1024, 1 << 30)] public int FileBytes { get; init; } = 64 << 20;

    /// <summary>Pixels of an image, or elements of an array, per channel.</summary>
    [Range(64, 1 << 28)] public int Pixels { get; init; } = 1 << 22;

    /// <summary>The most pixels of the image to reconstruct, with which the networks' memory grows.</summary>
    [Range(64, 1 << 26)] public int ImagePixels { get; init; } = 1 << 18;

    /// <summary>Frames of a sequence.</summary>
    [Range(1, 100_000)] public int Frames { get; init; } = 256;

    /// <summary>The solver's parameter <c>steps</c>.</summary>
    [Range(1, 100_000)] public int SolverSteps { get; init; } = 1000;

    /// <summary>Uploads that are decoded and checked at the same time.</summary>
    [Range(1, 1000)] public int Uploads { get; init; } = 4;

    /// <summary>Uploads that were read and wait for their turn; one more is refused with 429.</summary>
    [Range(0, 10_000)] public int WaitingUploads { get; init; } = 64;

    /// <summary>Requests a second of one account, or of one address whose requests do not say who sends them; ten times as many at once. 0: no limit.</summary>
    [Range(0, 1_000_000)] public int RequestsPerSecond { get; init; } = 200;

    /// <summary>Bytes of memory that the uploads being decoded may take together; one of them half of it at most.</summary>
    [Range(64L << 20, 1L << 42)] public long DecodeBytes { get; init; } = 2L << 30;

    /// <summary>Bytes of all bodies together that are held in memory.</summary>
    [Range(1L << 20, 1L << 42)] public long UploadBytes { get; init; } = 1L << 30;

    /// <summary>Bytes a second at which a body must arrive, after the first ten seconds; 0: any.</summary>
    [Range(0, 1 << 30)] public int BodyBytesPerSecond { get; init; } = 4096;

    /// <summary>Seconds in which a body must have arrived.</summary>
    [Range(1, 86_400)] public int BodySeconds { get; init; } = 300;

    /// <summary>Requests that are answered at the same time, event streams among them; where there are more, the caller with most of them gives way.</summary>
    [Range(16, 1_000_000)] public int OpenRequests { get; init; } = 4096;

    /// <summary>Connections on which no request is in progress; one more ends the one that has been silent for longest.</summary>
    [Range(1, 100_000)] public int SilentConnections { get; init; } = 512;
}

/// <summary>Checks the limits at start-up.</summary>
[OptionsValidator]
internal sealed partial class LimitOptionsValidator : IValidateOptions<LimitOptions>;
