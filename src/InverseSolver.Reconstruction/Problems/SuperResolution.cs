using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>A smaller image: the unknown image is <c>factor</c> times as high and wide as the measurement.</summary>
/// <param name="Factor">2, 3, 4 or 8.</param>
/// <param name="Kernel">The way in which pixels were merged.</param>
public sealed record SuperResolution(
    [property: AllowedValues(2, 3, 4, 8, ErrorMessage = "It is 2, 3, 4 or 8.")] int Factor = 4,
    DownsamplingKernel Kernel = DownsamplingKernel.Bicubic) : Problem
{
    internal static ProblemDescription Description { get; } = new("superResolution", new("redDiff", "dcdp"))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["superResolution4"] = _ => new SuperResolution(4) },
    };

    internal override bool IsImage => true;

    internal override long[] MeasurementShape(long[] image) => [image[0], image[1] / Factor, image[2] / Factor];

    internal override long[] ImageShape(long[] measurement) => [measurement[0], measurement[1] * Factor, measurement[2] * Factor];

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if (image[1] % Factor != 0 || image[2] % Factor != 0)
        {
            // Within a composition the image is no file.
            string wrong = field.StartsWith("files.", StringComparison.Ordinal) ? field : $"{problemField}.factor";
            throw new InvalidInputException(wrong, $"Height {image[1]} and width {image[2]} must be multiples of the factor {Factor}.");
        }
    }

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        SeparableOperator.Downsampling(image[0], image[1], image[2], Factor, Kernel, device);
}

/// <summary>The way in which pixels were merged.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DownsamplingKernel>))]
public enum DownsamplingKernel
{
    /// <summary>Antialiased bicubic (Keys, a = -0.5), as MATLAB's imresize.</summary>
    [JsonStringEnumMemberName("bicubic")] Bicubic,

    /// <summary>The mean of each block.</summary>
    [JsonStringEnumMemberName("average")] Average,
}
