using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>A grey image, (1, height, width), of an unknown coloured one.</summary>
/// <param name="Weights">How the channels were merged.</param>
public sealed record Colourisation(Luminance Weights = Luminance.Rec601) : Problem;

/// <summary>How red, green and blue were merged.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Luminance>))]
public enum Luminance
{
    /// <summary>0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).</summary>
    [JsonStringEnumMemberName("rec601")] Rec601,

    /// <summary>(R + G + B) / 3.</summary>
    [JsonStringEnumMemberName("mean")] Mean,
}
