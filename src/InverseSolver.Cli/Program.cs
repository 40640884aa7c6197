using System.CommandLine;
using InverseSolver.Cli;
using InverseSolver.Cli.GpuCheck;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Solvers;

var root = new RootCommand("Solves imaging inverse problems with latent diffusion models. Results are not for diagnosis.")
{
    SolveCommand.Create(),
    ConvertCommand.Create(),
    EvaluateCommand.Create(),
    ModelsCommand.Create(),
    DemoCommand.Create(),
    BenchCommand.Create(),
    GpuCheckCommand.Create(),
};

using var cancel = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    cancel.Cancel();
};

try
{
    ParseResult parsed = root.Parse(args);

    // Before the first tensor, and not before help.
    if (parsed.Errors.Count == 0 && parsed.Action == parsed.CommandResult.Command.Action && CliOptions.TestArithmetic() is { } warning)
    {
        Console.Error.WriteLine($"warning: {warning}");
    }

    int code = await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }, cancel.Token);
    return parsed.Errors.Count > 0 ? ExitCode.BadInput : code;
}
catch (PlatformNotSupportedException e)
{
    return Fail(ExitCode.Failed, e.Message);
}
catch (InvalidInputException e)
{
    return Fail(ExitCode.BadInput, $"{e.Field}: {e.Message}");
}
catch (Exception e) when (e is CommandException or InvalidMeasurementException or InvalidModelException or FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
{
    return Fail(ExitCode.BadInput, e.Message);
}
catch (OperationCanceledException)
{
    return Fail(ExitCode.Cancelled, "cancelled");
}
catch (Exception e) when (e.IsFromTorch || e is HttpRequestException or IOException or ArithmeticException)
{
    return Fail(ExitCode.Failed, e.IsFromTorch ? e.FirstLine : e.Message);
}

static int Fail(int code, string message)
{
    Console.Error.WriteLine($"error: {message}");
    return code;
}
