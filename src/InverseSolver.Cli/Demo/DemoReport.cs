using System.Globalization;
using System.Text;
using InverseSolver.Cli.Sheets;
using InverseSolver.Imaging;

namespace InverseSolver.Cli.Demo;

/// <summary>Output of the demonstration: contact sheet, report and table.</summary>
internal static class DemoReport
{
    /// <summary>Pictures in rows: truth, measurement, least squares, result, error.</summary>
    internal static void WriteSheet(string path, IReadOnlyList<DemoResult> results) => File.WriteAllBytes(path, ContactSheet.Draw(
        ["truth", "measurement", "least squares", "ReSample", "error x 4"],
        [.. results.Select(r => new ContactSheetRow(r.Job.ProblemName,
        [
            new ContactSheetTile(ArrayFiles.ToImage(r.Job.Truth), r.Job.Slice),
            new ContactSheetTile(ArrayFiles.ToImage(r.Measurement), Caption(r.Row.Measurement.PsnrDb)),
            new ContactSheetTile(ArrayFiles.ToImage(r.LeastSquares), Caption(r.Row.LeastSquares.PsnrDb)),
            new ContactSheetTile(ArrayFiles.ToImage(r.Image), Caption(r.Row.PsnrDb)),
            new ContactSheetTile(ArrayFiles.ToImage(r.Error)),
        ]))],
        minTileSide: 128));

    /// <summary>The figures as Markdown.</summary>
    internal static string Markdown(IReadOnlyList<DemoRow> rows, string volume, string model, string preset, double sigma)
    {
        var text = new StringBuilder();
        text.AppendLine("# Demonstration");
        text.AppendLine();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"Slices of {volume}, measured with noise of standard deviation {sigma} on the [0,1] scale "
                + $"and solved by the service: model {model}, ReSample, preset {preset}.");
        text.AppendLine(
            "Least squares is the smoothness-regularised solution without a network, at the weight that is best against the truth. Not for diagnosis.");
        text.AppendLine();
        text.AppendLine(
            "| problem | slice | PSNR dB | SSIM | NMSE | residual ratio | prior share | s | least squares: PSNR dB | SSIM | measurement: PSNR dB |");
        text.AppendLine("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach (DemoRow row in rows)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {row.Problem} | {row.Slice} | {row.PsnrDb:F2} | {row.Ssim:F3} | {row.Nmse:F4} | {row.Ratio:F2} | {row.PriorShare:P1} "
                    + $"| {row.Seconds:F1} | {row.LeastSquares.PsnrDb:F2} | {row.LeastSquares.Ssim:F3} | {row.Measurement.PsnrDb:F2} |");
        }

        text.AppendLine();
        text.AppendLine("![truth, measurement, least squares, result and error](sheet.png)");
        return text.ToString();
    }

    /// <summary>The figures on the terminal.</summary>
    internal static void Print(IReadOnlyList<DemoRow> rows)
    {
        Console.WriteLine();
        Console.WriteLine($"{"problem",-20}{"slice",-13}{"PSNR dB",8}{"SSIM",7}{"NMSE",8}{"residual",10}{"prior",8}{"s",7}{"least squares",15}");
        foreach (DemoRow row in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{row.Problem,-20}{row.Slice,-13}{row.PsnrDb,8:F2}{row.Ssim,7:F3}{row.Nmse,8:F4}"
                    + $"{row.Ratio,10:F2}{row.PriorShare,8:P1}{row.Seconds,7:F1}{row.LeastSquares.PsnrDb,12:F2} dB"));
        }

        Console.WriteLine();
    }

    private static string Caption(double psnr) => string.Create(CultureInfo.InvariantCulture, $"{psnr:F1} dB");
}
