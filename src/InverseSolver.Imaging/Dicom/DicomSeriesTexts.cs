using System.Globalization;
using System.Text.Json.Nodes;

namespace InverseSolver.Imaging;

/// <summary>
/// The attributes of a derived series that are texts: tag to value. Further attributes of a reference are copied where the files are written.
/// </summary>
internal static class DicomSeriesTexts
{
    internal const string Disclaimer = "Not for diagnosis.";
    private const string Maker = "InverseSolver";

    /// <summary>The elements that all files of the series share.</summary>
    internal static JsonObject Common(DerivedSeries series, bool isPlaced, double slope, double intercept)
    {
        string date = series.Created.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        string time = series.Created.ToString("HHmmss.ffffff", CultureInfo.InvariantCulture);
        string derivation = Derivation(series, slope, intercept);
        var texts = new JsonObject
        {
            ["0008,0008"] = @"DERIVED\SECONDARY\OTHER",
            ["0008,0012"] = date,
            ["0008,0013"] = time,
            ["0008,0016"] = "1.2.840.10008.5.1.4.1.1.4",
            ["0008,0021"] = date,
            ["0008,0023"] = date,
            ["0008,0031"] = time,
            ["0008,0033"] = time,
            ["0008,0060"] = "MR",
            ["0008,0070"] = Maker,
            ["0008,103e"] = DicomText.Ascii($"{Maker} {series.Solver}", 64 - 2 - Disclaimer.Length) + ". " + Disclaimer,
            ["0008,1090"] = Maker,
            ["0008,2111"] = DicomText.Ascii(derivation, 1024 - 1 - Disclaimer.Length) + " " + Disclaimer,
            ["0018,1020"] = DicomText.Ascii(series.SoftwareVersion, 64),
            ["0020,000e"] = DicomText.NewUid(),
            ["0020,0011"] = series.SeriesNumber.ToString(CultureInfo.InvariantCulture),
            ["0020,4000"] = Comments(series, isPlaced, derivation),
            ["0028,0301"] = "NO",
        };
        if (series.Reference.IsEmpty) AddStudy(texts, series.Study);
        Add(texts, "0020,0052", DicomText.Uid(series.FrameOfReferenceUid));
        if (!isPlaced)
        {
            // Placeholders belong to no coordinate system of the patient.
            texts["0018,5100"] = "";
            texts["0020,0052"] = DicomText.NewUid();
        }
        AddWindow(texts, series, slope, intercept);
        return texts;
    }

    /// <summary>The elements of one slice.</summary>
    internal static JsonObject Slice(
        int index, IReadOnlyList<FrameGeometry>? geometry, (double Row, double Column, double Slice) pixelMm, FrameDetails? details)
    {
        FrameGeometry slice = geometry?[index]
            ?? new(
                new(0, 0, index), new(1, 0, 0), new(0, 1, 0), pixelMm.Row > 0 ? pixelMm.Row : 1, pixelMm.Column > 0 ? pixelMm.Column : 1,
                pixelMm.Slice > 0 ? pixelMm.Slice : null);
        PatientVector row = slice.AlongRow, column = slice.AlongColumn, position = slice.Position;
        var texts = new JsonObject
        {
            ["0008,0018"] = DicomText.NewUid(),
            ["0018,0050"] = slice.SliceThicknessMm is { } thickness ? DicomText.Decimal(thickness) : "",
            ["0020,0013"] = (index + 1).ToString(CultureInfo.InvariantCulture),
            ["0020,0032"] = DicomText.Decimals(position.X, position.Y, position.Z),
            ["0020,0037"] = DicomText.Decimals(row.X, row.Y, row.Z, column.X, column.Y, column.Z),
            ["0028,0030"] = DicomText.Decimals(slice.RowSpacingMm, slice.ColumnSpacingMm),
        };
        if (slice.SliceSpacingMm is { } spacing) texts["0018,0088"] = DicomText.Decimal(spacing);
        if (geometry is not null) texts["0020,1041"] = DicomText.Decimal(position.Dot(slice.Normal));
        if (details is null) return texts;
        AddVarying(texts, "0018,0080", details.RepetitionTimeMs);
        AddVarying(texts, "0018,0081", details.EchoTimeMs);
        AddVarying(texts, "0018,0082", details.InversionTimeMs);
        AddVarying(texts, "0018,1314", details.FlipAngleDegrees);
        Add(texts, "0018,0086", details.EchoNumber?.ToString(CultureInfo.InvariantCulture));
        Add(texts, "0020,0012", details.AcquisitionNumber?.ToString(CultureInfo.InvariantCulture));
        Add(texts, "0020,0100", details.TemporalPosition?.ToString(CultureInfo.InvariantCulture));
        Add(texts, "0020,0105", details.TemporalPositions?.ToString(CultureInfo.InvariantCulture));
        return texts;
    }

    /// <summary>The measuring equipment, for the list of contributing equipment.</summary>
    internal static JsonObject Scanner(StudyInformation? study)
    {
        var texts = new JsonObject();
        if (DicomText.Short(study?.SystemVendor, 64) is not { } vendor) return texts;
        texts["0008,0070"] = vendor;
        Add(texts, "0008,1090", DicomText.Short(study!.SystemModel, 64));
        return texts;
    }

    private static void AddStudy(JsonObject texts, StudyInformation? study)
    {
        texts["0008,0005"] = "ISO_IR 192";
        if (study is null) return;
        Add(texts, "0010,0010", DicomText.Short(study.PatientName, 64));
        Add(texts, "0010,0020", DicomText.Short(study.PatientId, 64));
        Add(texts, "0010,0030", DicomText.Date(study.PatientBirthDate));
        Add(texts, "0010,0040", study.PatientSex is "M" or "F" or "O" ? study.PatientSex : null);
        Add(texts, "0020,000d", DicomText.Uid(study.StudyInstanceUid));
        Add(texts, "0008,0020", DicomText.Date(study.StudyDate));
        Add(texts, "0008,0030", DicomText.Time(study.StudyTime));
        Add(texts, "0008,0050", DicomText.Short(study.AccessionNumber, 16));
        Add(texts, "0008,0090", DicomText.Short(study.ReferringPhysicianName, 64));
        Add(texts, "0008,1030", DicomText.Short(study.StudyDescription, 64));
        Add(texts, "0020,0010", DicomText.Short(study.StudyId, 16));
        Add(texts, "0020,0052", DicomText.Uid(study.FrameOfReferenceUid));
        Add(texts, "0018,1030", DicomText.Short(study.ProtocolName, 64));
        Add(texts, "0018,5100", study.PatientPosition is { Length: > 0 and <= 4 } position && position.All(char.IsAsciiLetterUpper) ? position : null);
        Add(texts, "0018,0080", Decimal(study.RepetitionTimeMs));
        Add(texts, "0018,0081", Decimal(study.EchoTimeMs));
        Add(texts, "0018,0082", Decimal(study.InversionTimeMs));
        Add(texts, "0018,0087", Decimal(study.FieldStrengthTesla));
        Add(texts, "0018,1314", Decimal(study.FlipAngleDegrees));
    }

    private static void AddWindow(JsonObject texts, DerivedSeries series, double slope, double intercept)
    {
        float low = series.Values.Min(), high = series.Values.Max();
        (double centre, double width) = series.Window ?? new DisplayWindow(((double)low + high) / 2, (double)high - low);
        texts["0028,1050"] = DicomText.Decimal((centre - intercept) / slope);
        texts["0028,1051"] = DicomText.Decimal(Math.Max(width / slope, 1));
    }

    private static string Derivation(DerivedSeries series, double slope, double intercept)
    {
        string model = series.Model is null ? "" : $", model {series.Model}" + (series.ModelHash is null ? "" : $" ({series.ModelHash})");
        string scale = string.Create(CultureInfo.InvariantCulture, $"Value = stored value * {slope:G9} + {intercept:G9}.");
        return $"Reconstructed by {Maker} {series.SoftwareVersion}, solver {series.Solver}{model}. {scale} {series.Consistency}".TrimEnd();
    }

    private static string Comments(DerivedSeries series, bool isPlaced, string derivation)
    {
        string place = isPlaced ? ""
            : series.PixelMm.Row > 0 ? " Place not known: position and orientation are placeholders."
            : " Geometry not known: position, orientation and spacing are placeholders.";
        return DicomText.Ascii($"{Disclaimer}{place} {derivation} {string.Join(' ', series.Remarks)}".TrimEnd(), 10240);
    }

    private static string? Decimal(double? value) => value is { } number && double.IsFinite(number) ? DicomText.Decimal(number) : null;

    // An unknown value that varies between frames removes the value of the whole scan: null.
    private static void AddVarying(JsonObject texts, string tag, double? value)
    {
        if (value is { } number) texts[tag] = double.IsNaN(number) ? null : DicomText.Decimal(number);
    }

    private static void Add(JsonObject texts, string tag, string? value)
    {
        if (value is not null) texts[tag] = value;
    }
}
