using InverseSolver.Diffusion;
using InverseSolver.Service.Jobs;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>Tells what keeps the service from starting in one sentence, before the host would in thirty lines.</summary>
internal static class StartCheck
{
    private const int InvalidOption = 2;

    /// <summary>Reads all options, and opens the data folder and the catalogue of models.</summary>
    /// <param name="services">The service's.</param>
    public static void Run(IServiceProvider services)
    {
        try
        {
            services.GetRequiredService<IStartupValidator>().Validate();
            services.GetRequiredService<ModelCatalog>();
        }
        catch (OptionsValidationException invalid)
        {
            throw new StartRefusedException($"Invalid configuration: {string.Join(" ", invalid.Failures)}", InvalidOption);
        }
        catch (InvalidOperationException unreadable) when (unreadable.InnerException is FormatException or ArgumentException)
        {
            throw new StartRefusedException($"Invalid configuration: {unreadable.Message}", InvalidOption);
        }

        try
        {
            services.GetRequiredService<JobDatabase>();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException($"The data folder (Jobs:DataFolder) cannot be used: {error.Message}");
        }
    }
}
