using System.Text.Json.Serialization;

namespace InverseSolver.Solvers.Solvers;

/// <summary>How a clean estimate is made to agree with the measurement.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DataStep>))]
public enum DataStep
{
    /// <summary>As the method's authors do it, which takes the errors of neighbouring pixels for independent.</summary>
    [JsonStringEnumMemberName("published")] Published,

    /// <summary>The proximal step in the metric of the estimate's error: a measured pixel also corrects its neighbours.</summary>
    [JsonStringEnumMemberName("errorMetric")] ErrorMetric,
}
