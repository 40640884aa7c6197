using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>The share and the quotas of each caller: an account, or an address where nobody has to say who they are.</summary>
internal sealed class CallerOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Callers";

    /// <summary>Shares of callers by account (tenant/name where it has a tenant) or address; 1 for those that are not listed.</summary>
    public IReadOnlyDictionary<string, double> Weights { get; init; } = new Dictionary<string, double>();

    /// <summary>Refuses weights that are no numbers of a share; the binder would leave them out without a word.</summary>
    /// <exception cref="StartRefusedException">One of them is none.</exception>
    public static void CheckWeights(IConfiguration configuration)
    {
        foreach (IConfigurationSection weight in configuration.GetSection($"{Section}:{nameof(Weights)}").GetChildren())
        {
            if (!double.TryParse(weight.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double share) || share is not (>= 0.01 and <= 100))
                throw new StartRefusedException($"{weight.Path} must be a number from 0.01 to 100, as 2 or 0.5.", 2);
        }
    }

    /// <summary>Jobs of one caller that may wait. 0: no limit.</summary>
    [Range(0, 100_000)] public int Waiting { get; init; } = 48;

    /// <summary>Jobs of one caller that run at once; others wait. 0: no limit.</summary>
    [Range(0, 1000)] public int Running { get; init; }

    /// <summary>Seconds of solving for one caller in 24 hours. 0: no limit.</summary>
    [Range(0, 1e9)] public double SolverSecondsPerDay { get; init; }

    /// <summary>Bytes of one caller's jobs, their inputs and results. 0: no limit.</summary>
    [Range(0, long.MaxValue)] public long Bytes { get; init; }
}

/// <summary>Checks the callers at start-up.</summary>
[OptionsValidator]
internal sealed partial class CallerOptionsValidator : IValidateOptions<CallerOptions>;
