using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>A smaller image: the unknown image is <c>factor</c> times as high and wide as the measurement.</summary>
/// <param name="Factor">2, 3, 4 or 8.</param>
/// <param name="Kernel">How pixels were merged.</param>
public sealed record SuperResolution(
    [property: AllowedValues(2, 3, 4, 8, ErrorMessage = "It is 2, 3, 4 or 8.")] int Factor = 4,
    DownsamplingKernel Kernel = DownsamplingKernel.Bicubic) : Problem;

/// <summary>How pixels were merged.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DownsamplingKernel>))]
public enum DownsamplingKernel
{
    /// <summary>Antialiased bicubic (Keys, a = -0.5), as MATLAB's imresize.</summary>
    [JsonStringEnumMemberName("bicubic")] Bicubic,

    /// <summary>The mean of each block.</summary>
    [JsonStringEnumMemberName("average")] Average,
}
